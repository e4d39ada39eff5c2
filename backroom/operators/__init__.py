"""The operators' part of the client: effects, dead letters, the vendors."""
