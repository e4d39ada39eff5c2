"""Dead letters: what no function could deal with, in any queue of the stack, and sending it back.

A message ends here after its last try. It stays for 14 days, and nothing is done about it until an
operator has mended the cause and has it sent back (*re-driven*).
"""
