"""Vending: machine logs dropped as files, parsed, judged; whom to send where, and why."""
