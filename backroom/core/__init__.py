"""What every part of the client stands on; knows no context."""
