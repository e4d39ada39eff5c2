"""The rules of the ledger; they know neither AWS nor HTTP."""
