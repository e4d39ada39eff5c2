"""Backroom: a serverless back office in one Chalice app."""

import gc
import os

__version__ = "0.2.0"

# A cold start makes 150,000 objects, nearly all of which stay: looking for garbage among them took
# an eighth of its CPU (bench/coldstart.py). So a function does not while it is loaded.
gc.set_threshold(50_000)
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()
    # First, while few frames are below it: it compiles regular expressions dozens of frames deep,
    # and each call across the end of a 16 KB chunk of Python's stack maps and unmaps memory.
    import urllib3  # noqa: F401


def loaded() -> None:
    """Look for garbage from now on, but not among what was loaded."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
