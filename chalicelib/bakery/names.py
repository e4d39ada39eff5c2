"""How names become ids, and ids become names to read.

An id is the *folded* name: accents removed, each camel hump and each run of anything that is no
letter or digit one ``_``, in lower case. ``Carrot Cake``, ``Carrot-Cake`` and ``CarrotCake`` are
all ``carrot_cake``. A name with a letter or digit that has no counterpart in ASCII keeps its own
letters instead, because without them it would be another person's name.
"""

import re
import unicodedata
from functools import lru_cache

from chalicelib.core.invisible import visible_name, without_invisible

LONGEST_NAME = 100
# Latin letters that Unicode does not take apart into a letter and an accent.
_WHOLE = str.maketrans(
    {
        **{"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O"},
        **{"ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH"},
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    }
)
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FOREIGN = re.compile("[^A-Za-z0-9]+")
# Letters and digits; modifier letters (Lm), such as the Hawaiian okina, are signs.
_LOST = {"Lu", "Ll", "Lt", "Lo", "Nd", "Nl", "No"}


def fold(name: str) -> str:
    """Return the id of a name: `latin`, or its own letters where ASCII has not all of them.

    Folding an id returns it unchanged. Empty when the name has no letter or digit.
    """
    return latin(name) or _own_letters(name)


@lru_cache(maxsize=1_000)
def latin(name: str) -> str:
    """Return a name in ASCII letters and digits; empty when it would lose one, or has none."""
    plain = _without_accents(name)
    if any(unicodedata.category(c) in _LOST and not c.isascii() for c in plain):
        return ""
    return _joined(_HUMP.sub("_", _FOREIGN.sub("_", plain))).lower()


def legacy_fold(name: str) -> str:
    """Return the id that versions before 0.2.0 stored a cake under: foreign letters dropped."""
    return _joined(_HUMP.sub("_", _FOREIGN.sub("_", _without_accents(name)))).lower()


def _own_letters(name: str) -> str:
    """Return a name's own letters, of whatever script, with ``_`` between words."""
    visible = unicodedata.normalize("NFKC", without_invisible(name))
    words = _HUMP.sub("_", visible).casefold()
    normalised = unicodedata.normalize("NFKC", words)
    return _joined("".join(c if unicodedata.category(c)[0] in "LMN" else "_" for c in normalised))


def _without_accents(name: str) -> str:
    apart = unicodedata.normalize("NFKD", without_invisible(name).translate(_WHOLE))
    return "".join(c for c in apart if not unicodedata.combining(c))


def _joined(words: str) -> str:
    return re.sub("_+", "_", words).strip("_")


def has_latin_letter(folded: str) -> bool:
    """Return whether a folded name holds a letter, as an id must."""
    return any("a" <= c <= "z" for c in folded)


def title(folded: str) -> str:
    """Return a folded name as it is read: ``mr_cakelover`` is ``Mr Cakelover``."""
    return " ".join(word[:1].upper() + word[1:] for word in folded.split("_"))


def record_id(customer: str) -> str:
    """Return what a customer's own records are filed under; never empty.

    It is the folded name, or, where folding would lose a letter, the name itself without its case.
    """
    if plain := latin(customer):
        return plain
    visible = unicodedata.normalize("NFKC", without_invisible(customer)).casefold()
    return "_".join(visible.split())


def one_line(text: str) -> str:
    """Return ``text`` without blanks around it and invisible characters (`core.invisible`).

    Raises ValueError unless it is one short line.
    """
    stripped = visible_name(text)
    if len(stripped) > LONGEST_NAME:
        raise ValueError(f"must have at most {LONGEST_NAME} characters")
    if any(unicodedata.category(c) in {"Cc", "Zl", "Zp"} for c in text):
        raise ValueError("must be one line, without control characters")
    return stripped


def with_latin_letter(text: str) -> str:
    """Return ``text`` as `one_line` does. Raises ValueError also when no id can be made of it."""
    line = one_line(text)
    if not has_latin_letter(fold(line)):
        raise ValueError("must have a Latin letter, as its id is made of them")
    return line
