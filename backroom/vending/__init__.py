"""The vending context's part of the client: logs, fleet, dispatches."""
