"""The ledger: transactions and balances that always add up."""
