"""The operators' room: effects and their kinds, dead letters, and how the vendors are.

A *dead letter* is a message that no function could deal with. It stays in its queue's dead letters
for 14 days, and nothing is done about it until an operator has mended the cause and has it sent
back (*re-driven*). What an effect is and how it is performed is in `chalicelib.core.outbox`.
"""
