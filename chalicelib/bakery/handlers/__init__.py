"""Performing the bakery's effects.

Each handler reads anew what its effect is about, calls one vendor, and keeps what became of it.
"""
