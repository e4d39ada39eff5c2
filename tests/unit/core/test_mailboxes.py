"""Mail addresses: email-validator's own lists, without SMTPUTF8 and quoted local parts."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.core.mailboxes import mailbox

# The inputs of the library's tests/test_syntax.py (2.4.0), which is in the public domain.
LISTS = json.loads((Path(__file__).parents[2] / "data/mail_addresses.json").read_text())


@pytest.mark.parametrize(("written", "kept"), LISTS["valid"].items())
def test_what_the_library_lists_as_valid_is_taken(written: str, kept: str) -> None:
    assert mailbox(written) == kept
    assert mailbox(kept) == kept


@pytest.mark.parametrize("written", LISTS["invalid"])
def test_what_the_library_lists_as_invalid_is_refused_in_words(written: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an address such as") as refused:
        mailbox(written)

    assert not re.search(r"\\[x]|Traceback|None", str(refused.value))


@pytest.mark.parametrize(
    "written",
    [
        "mr.cakelover@gmail.com",
        "Mr.CakeLover@Example.COM",
        f"{'x' * 64}@example.com",
        "bakery@shop.test",
        "a@xn--exmple-cua.com",
    ],
)
def test_an_address_is_kept_as_it_was_written(written: str) -> None:
    assert mailbox(written) == written


@pytest.mark.parametrize(
    "written",
    [
        f"{'x' * 65}@example.com",
        f"x@{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 63}.com",
        f"x@{'a' * 64}.com",
        "me@example.com\n",
        "me@example.com, you@example.com",
        "me@printer.local",
        "me@[127.0.0.1]",
        "me@127.0.0.1",
    ],
)
def test_an_address_that_no_mail_can_be_sent_to_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an address such as"):
        mailbox(written)


def test_a_function_takes_no_resolver_for_it() -> None:
    code = "import sys; sys.modules['dns'] = None; from chalicelib.core.mailboxes import mailbox; "
    code += "mailbox('me@example.com')"

    subprocess.run([sys.executable, "-c", code], check=True)
