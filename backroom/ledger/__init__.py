"""The ledger's part of the client: transactions, balances, and the proof of both."""
