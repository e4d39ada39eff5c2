"""What every context is built on; depends on no context."""
