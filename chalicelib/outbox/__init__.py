"""The outbox at work: the functions that keep effects moving, and what operators do about them.

What an effect is and how it is performed is in `chalicelib.core.outbox`.
"""
