"""The audit trail for those who read it: who changed what and when, sealed so that it stays so.

`chalicelib.core.audit` writes *entries* in the transactions of changes. Every five minutes the
*sealer* takes those that are settled, files them by person and by thing, and closes them with a
*seal*: a digest of them in their order, chained to the seal before.
"""
