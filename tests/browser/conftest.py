"""A real browser: Debian's chromium, driven by Playwright. It reaches this machine alone, and a test fails where a page
so much as tried to load something from elsewhere.

Without chromium these tests are skipped, and without `npm ci` in this folder those that ask axe.
"""

import ipaddress
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
OpenPage = Callable[..., Page]
Faults = Callable[[Page], list[str]]
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_ALONE = [
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-domain-reliability",
    ),
    *("--no-first-run", "--no-pings", "--disable-gpu", "--disable-dev-shm-usage"),
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
    "--proxy-server=http://127.0.0.1:9",  # for all but this machine: nobody is there
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Playwright keeps an event loop in this thread, to which Django would object: for these tests only it does not."""
    if _CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ALONE)
            yield browser
            browser.close()
            connection.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(chromium: Browser, live_server: Any) -> Iterator[OpenPage]:
    """Opens a path of the live server, on a phone unless said otherwise, in a browser of this language. At the end of
    the test nothing may have asked for another machine."""
    outside: list[str] = []
    contexts = []

    def watch(request: Request) -> None:
        """It does not step in between: the browser would keep no file."""
        if not _is_here(request.url):
            outside.append(request.url)

    def open_(
        path: str, *, size: dict[str, int] = PHONE, scripts: bool = True, language: str = "en", is_dark: bool = False
    ) -> Page:
        context = chromium.new_context(
            viewport=size,  # type: ignore[arg-type]
            java_script_enabled=scripts,
            locale=language,
            color_scheme="dark" if is_dark else "light",
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        context.on("request", watch)
        page = context.new_page()
        page.goto(f"{live_server.url}{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert outside == []


def heard(page: Page) -> list[str]:
    """What the page's console says from now on of errors and warnings: a silent one stays empty."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(f"{message.text} ({message.location['url']})")

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.fixture(scope="package")
def faults() -> Faults:
    """What axe finds on a page that keeps people out: its serious and critical findings, in words."""
    if not AXE.exists():
        pytest.skip("axe-core is not there: npm ci --prefix tests/browser")
    source = AXE.read_text()

    def find(page: Page) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations'], preload: false})")
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    return find


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme in ("data", "blob", "about"):
        return True
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
