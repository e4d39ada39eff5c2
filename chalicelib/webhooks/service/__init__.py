"""The rules of the webhooks context."""
