"""The part of the client for warranties: what they cost, why, and which were sold."""
