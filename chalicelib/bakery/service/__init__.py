"""What the bakery does, in plain Python."""
