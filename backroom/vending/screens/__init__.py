"""Screens of machines, files and work."""
