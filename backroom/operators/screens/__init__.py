"""Screens of effects, dead letters and vendors."""
