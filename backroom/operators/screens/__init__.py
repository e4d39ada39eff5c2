"""How effects, dead letters and vendors look to a person."""
