"""The embedded AWS of the local target, in a virtual environment of its own."""
