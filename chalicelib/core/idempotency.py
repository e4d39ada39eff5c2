"""Idempotency-Keys: a key belongs to one request, however that is written."""

from collections.abc import Mapping

from chalicelib.core.errors import UnprocessableError


class KeyReusedError(UnprocessableError):
    """The Idempotency-Key was used for another request."""

    type = "/problems/idempotency-key-reused"
    title = "Idempotency-Key reused"


def check_same(what: str, stored: Mapping[str, object], requested: Mapping[str, object]) -> None:
    """Raise KeyReusedError, naming the fields of ``requested`` that differ from what is stored."""
    article = "an" if what[0] in "aeiou" else "a"
    if differing := " and another ".join(differences(stored, requested)):
        raise KeyReusedError(
            f"This Idempotency-Key was used for {article} {what} with another {differing}. "
            f"A new {what} needs a new key."
        )


def differences(stored: Mapping[str, object], requested: Mapping[str, object]) -> list[str]:
    """Return the names of the fields of ``requested`` that differ from what is stored."""
    return [name for name in requested if requested[name] != stored[name]]
