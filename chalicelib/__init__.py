"""Backroom: a serverless back office in one Chalice app."""

__version__ = "0.1.0"
