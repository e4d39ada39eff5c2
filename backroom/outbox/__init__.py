"""The outbox's part of the client: effects, their kinds, trying again."""
