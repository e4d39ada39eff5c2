"""The part of the client for the service itself: does it answer, and can it work."""
