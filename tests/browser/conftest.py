"""The page in a real browser, before the packaged stack."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.screens import Screens
from tests.support.deployed import Deployed, deployed
from tests.support.patience import TEST_S

HERE = Path(__file__).parent
# The first is Chromium without windows: the same engine for a fifth of the processor time.
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_WAIT_MS = 120_000  # a busy machine is no fault of the page
expect.set_options(timeout=_WAIT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_S))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium; none is downloaded."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium is installed here; on Debian: apt install chromium-headless-shell")
    # Chromium's sandbox does not run as root, which containers often are.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments.append("--host-resolver-rules=MAP *.example 127.0.0.1")  # names of foreign pages
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="session")
def stack(browser: Browser, request: pytest.FixtureRequest) -> Deployed:
    """A stack that only the features have used before; each test uses names of its own."""
    return deployed(request, "page")


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[[str], Screens]]:
    """Opens the page that an API serves; whatever the browser complains of fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_at(api: str) -> Screens:
        context = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin")
        contexts.append(context)
        context.set_default_timeout(_WAIT_MS)
        page = context.new_page()
        _listen(page, complaints)
        return Screens(page, api)

    yield open_at
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture
def screens(stack: Deployed, opened: Callable[[str], Screens]) -> Screens:
    """The page of the stack."""
    return opened(stack.aws.api)


def _listen(page: Page, complaints: list[str]) -> None:
    """Note errors of scripts, and what the browser itself complains of, such as a broken policy."""
    page.on("pageerror", lambda error: complaints.append(str(error)))

    # That the API refused something is what many tests are about.
    def note(line: ConsoleMessage) -> None:
        if line.type in ("error", "warning") and "Failed to load resource" not in line.text:
            complaints.append(line.text)

    page.on("console", note)
