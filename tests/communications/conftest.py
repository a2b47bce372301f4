import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from inflow.accounts.models import Account
from tests import make
from tests.communications import handing_over
from tests.mailserver import MailServer

StartMail = Callable[..., MailServer]
_addresses = itertools.count()


@pytest.fixture
def start_mail(settings: Settings) -> Iterator[StartMail]:
    """Starts a mail server, given how it fails, and lets InFlow send through it."""
    with ExitStack() as stack:

        def start(**how: Any) -> MailServer:
            server = stack.enter_context(MailServer(**how))
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            return server

        yield start


@pytest.fixture
def mail(start_mail: StartMail) -> MailServer:
    """A mail server that takes everything."""
    return start_mail()


@pytest.fixture
def outbox(settings: Settings, tmp_path: Path) -> Path:
    """The local outbox of `make run`, empty."""
    settings.EMAIL_BACKEND = "communications.channels.outbox.FolderBackend"
    settings.OUTBOX_DIR = tmp_path / "outbox"
    return tmp_path / "outbox"


@pytest.fixture
def account(db: None) -> Account:
    return make.account("Falcon Trading LLC")


@pytest.fixture
def visitor() -> Client:
    """A browser at an address of its own: it shares no limit with others. It minds CSRF as browsers do."""
    return Client(enforce_csrf_checks=True, REMOTE_ADDR=f"198.51.100.{next(_addresses) % 250}")


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages of a story are checked at their gate, and may be refused after it."""
    handing_over.install(monkeypatch)
