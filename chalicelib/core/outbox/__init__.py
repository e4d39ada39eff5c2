"""The outbox: side effects that are executed once, whatever fails.

A context writes its effects in the same transaction as the change that requests them. The table's
stream feeds a relay that only forwards ids to one queue per kind; a worker per kind claims the
effect, executes it and records the outcome; a sweeper sends again what is due or stuck.
"""
