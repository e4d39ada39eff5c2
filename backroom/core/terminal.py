"""What a terminal's encoding lacks, spelled in ASCII."""

BARS = "▁▂▃▄▅▆▇█"
_PLAINER = {
    "·": ".",
    "…": ".",
    "✓": "+",
    "✗": "x",
    **{bar: str(height) for height, bar in enumerate(BARS, 1)},
}


def plainer(error: UnicodeError) -> tuple[str, int]:
    """Spell what a terminal's encoding lacks in ASCII: bars as the digits 1 to 8.

    An error handler, as `codecs.register_error` takes it.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAINER.get(character, "?") for character in missing), error.end
