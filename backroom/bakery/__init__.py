"""The bakery's part of the client: cakes, orders, batches, employees."""
