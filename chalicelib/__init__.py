"""Backroom: a serverless back office in one Chalice app."""

__version__ = "0.2.0"
