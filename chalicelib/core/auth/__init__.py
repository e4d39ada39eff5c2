"""Proving who calls: bearer tokens of one OpenID Connect issuer, checked before anything else."""
