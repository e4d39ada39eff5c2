"""The bakery: recipes, orders, one ingredient ticket a day, notices, staff (the brief: B1-B19)."""
