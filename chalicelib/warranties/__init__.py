"""Warranties: priced from a readable rate card for each item that a store sells."""
