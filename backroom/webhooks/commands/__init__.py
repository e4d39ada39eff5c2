"""`backroom events` and `backroom webhooks`."""
