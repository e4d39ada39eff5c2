"""The part of the client for dead letters: looking at them, sending them back."""
