"""Mail addresses, by the rules of email-validator: RFC 5322 and 5321 without unused forms.

An address has one mailbox, no display name, no quoted local part and no address literal. Its local
part is ASCII; a domain in other letters is stored in its ASCII form. Names that no mail can be sent
to (``.invalid``, ``.local``, ``.onion``) are refused, those for tests (``.test``) are not.
"""

EXAMPLE = "must be an address such as mr.cakelover@example.com"


def mailbox(text: str) -> str:
    """Return a mail address as it was written, or in ASCII. Raises ValueError in plain words."""
    # Few requests and effects have an address, and the tables of international names are large.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    try:
        found = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=False,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError as wrong:
        raise ValueError(f"{EXAMPLE}: {wrong}") from wrong
    return text if text.isascii() else found.ascii_email or text
