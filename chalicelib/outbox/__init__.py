"""The functions that keep effects moving; what an effect is, is in `chalicelib.core.outbox`."""
