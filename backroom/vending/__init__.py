"""The vending context's part of the client: logs sent, the fleet looked at, somebody dispatched."""
