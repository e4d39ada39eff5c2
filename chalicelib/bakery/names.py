"""How names become ids, and ids become names to read.

An id is the *folded* name: accents removed, each camel hump and each run of anything that is no
letter or digit one ``_``, in lower case. ``Carrot Cake``, ``Carrot-Cake`` and ``CarrotCake`` are
all ``carrot_cake``.
"""

import re
import unicodedata

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


def fold(name: str) -> str:
    """Return the id of a name; empty when no letter or digit of ASCII is left of it."""
    apart = unicodedata.normalize("NFKD", name.translate(_WHOLE))
    plain = "".join(c for c in apart if not unicodedata.combining(c))
    words = _FOREIGN.sub("_", plain).strip("_")
    return re.sub("_+", "_", _HUMP.sub("_", words)).lower()


def has_latin_letter(folded: str) -> bool:
    """Return whether a folded name holds a letter, as an id must."""
    return any("a" <= c <= "z" for c in folded)


def title(folded: str) -> str:
    """Return a folded name as it is read: ``mr_cakelover`` is ``Mr Cakelover``."""
    return " ".join(word[:1].upper() + word[1:] for word in folded.split("_"))


def record_id(customer: str) -> str:
    """Return what a customer's own records are filed under; never empty.

    It is the folded name, or, of a name in another script, the name itself without its case.
    """
    return fold(customer) or "_".join(unicodedata.normalize("NFKC", customer).casefold().split())


def one_line(text: str) -> str:
    """Return ``text`` without blanks around it. Raises ValueError unless it is one short line."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("must not be empty or blank")
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
