"""Handlers of the bakery's effects.

Each handler reads the subject of its effect, calls one vendor, and stores the outcome.
"""
