"""The commands of the bakery, a module for each group of them."""
