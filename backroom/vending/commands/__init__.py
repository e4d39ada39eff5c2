"""The commands of vending, a module for each group of them."""
