"""The part of the client for deliveries: packages, preferences, counts."""
