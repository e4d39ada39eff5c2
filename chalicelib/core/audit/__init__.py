"""The audit trail: who changed what and when, written in the transaction of the change.

On a stage with sign-in the route that lets a caller in begins to record; whatever `Table` then
writes to a *thing* (a record that people know: an order, an account, a machine) takes an *entry*
along. Rows that follow from things (lists, counters, keys) are no things. On an open stage, and in
functions without a caller, nothing is recorded and nothing costs more.
"""
