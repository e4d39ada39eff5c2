"""The audit trail's part of the client: who changed what, and the proof that it stays so."""
