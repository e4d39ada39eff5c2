"""The base of the client, independent of contexts."""
