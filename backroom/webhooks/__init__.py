"""Events, and who receives them."""
