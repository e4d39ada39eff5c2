"""A vendor is one client that knows no other, in the doctor's list and in the documents."""

import ast
import importlib
from pathlib import Path

import pytest

from chalicelib.integrations import settings, wiring
from chalicelib.integrations.settings import VendorSettings

ROOT = Path(__file__).parents[2]
PACKAGE = "chalicelib.integrations"
EDGES = {"__init__", "wiring"}
SHARED = {"adf", "http", "limits", "settings"}
# Google's services share its tokens; Amazon's mail is a mail.
WITH = {"gdocs": {"google"}, "ses": {"mail"}}
CLIENTS = sorted(
    path.stem
    for path in (ROOT / "chalicelib" / "integrations").glob("*.py")
    if path.stem not in EDGES | SHARED
)


def imported(client: str) -> set[str]:
    """Return the modules of the integrations that a client imports."""
    tree = ast.parse((ROOT / "chalicelib" / "integrations" / f"{client}.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            inner = (node.module or "").removeprefix(PACKAGE).lstrip(".")
            found |= {inner} if inner else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_knows_its_vendor_and_no_other(client: str) -> None:
    assert imported(client) <= SHARED | WITH.get(client, set())


def test_the_doctor_looks_at_everything_that_has_settings() -> None:
    """Declared with its client, a vendor's settings are of use only with a way to build it."""
    for client in CLIENTS:
        importlib.import_module(f"{PACKAGE}.{client}")
    looked_at = {vendor.settings for vendor in wiring.VENDORS}

    assert set(VendorSettings.__subclasses__()) == looked_at


def test_every_setting_of_a_vendor_is_documented() -> None:
    guide = (ROOT / "docs" / "integrations.md").read_text()
    names = [name.upper() for v in wiring.VENDORS for name in v.settings.model_fields]

    assert [
        name
        for name in [settings.VENDORS_SECRET, settings.WEBHOOK_SECRET, *names]
        if f"`{name}`" not in guide
    ] == []
