"""Backroom: a serverless back office in one Chalice app."""

import gc

__version__ = "0.2.0"

# A cold start makes 150,000 objects, nearly all of which stay: looking for garbage among them took
# an eighth of its CPU (bench/coldstart.py).
gc.set_threshold(50_000)
