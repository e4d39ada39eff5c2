"""How machines, files and work look to a person."""
