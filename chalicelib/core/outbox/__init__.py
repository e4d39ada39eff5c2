"""Side effects that are done exactly once, whatever fails: the outbox.

A context writes its effects in the same transaction as the change that asks for them. The table's
stream feeds a relay that only forwards ids to one queue per kind; a worker per kind claims the
effect, performs it and records what came of it; a sweeper sends again what is due or stuck.
"""
