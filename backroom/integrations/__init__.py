"""The part of the client for the vendors: is each configured, reachable, allowed."""
