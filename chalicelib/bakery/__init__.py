"""The bakery: recipes, orders, one ingredient ticket a day, notices, staff."""
