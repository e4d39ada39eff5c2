"""D8: one entry in the registry makes a type; the page follows without a change."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.screens import Screens

SERVICE = """
from tests.support.moto_aws import mock_aws
from chalicelib.deliveries.registry import TYPES, PackageType

TYPES["freight"] = PackageType("freight", "What takes two to carry")  # the one entry

from chalice.config import Config
from chalice.local import LocalDevServer
from app import app
from chalicelib.core import aws
from tests.support.deliveries.table import make_table

with mock_aws():
    make_table(aws.dynamodb(), "deliveries")
    server = LocalDevServer(app, Config.create(chalice_stage="backroom"), "127.0.0.1", 0)
    print(server.server.server_port, flush=True)
    server.serve_forever()
"""


@pytest.fixture
def api(browser: object) -> Iterator[str]:
    """Where the app answers with one more entry in its registry."""
    root = Path(__file__).parents[2]
    settings = {"DELIVERIES_TABLE": "deliveries", "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        cwd=root,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout
        yield f"http://127.0.0.1:{running.stdout.readline().strip()}"
        running.terminate()


def test_d8_a_new_type_can_be_sent_declined_and_counted_on_the_page(
    api: str, opened: Callable[[str], Screens]
) -> None:
    screens = opened(api)

    screens.show("deliveries/preferences/mars")
    switch = screens.page.get_by_role("switch", name="Freight")
    expect(switch).to_be_checked()
    screens.sees("What takes two to carry")
    switch.uncheck()
    screens.press("Save")
    screens.sees("Saved.")

    screens.show("deliveries")
    screens.fill(package_id="1", sender_id="earth", recipient_id="mars")
    screens.field("package_type").select_option(label="Freight")
    screens.press("Send")
    screens.sees("Dropped")

    screens.show("deliveries/statistics")
    expect(screens.row("Freight").get_by_role("cell")).to_have_text(["Freight", "0", "1"])
