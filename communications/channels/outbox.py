"""A mail backend for `make run` that writes each mail to a file in `OUTBOX_DIR`."""

import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class FolderBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder: Path | None = settings.OUTBOX_DIR
        assert folder is not None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            mail = message.message()
            name = mail["X-InFlow-Message"] or mail["Message-ID"].strip("<>").replace("/", "_")
            partial = folder / f".{name}.{os.getpid()}"
            partial.write_bytes(mail.as_bytes())
            partial.rename(folder / f"{name}.eml")
        return len(email_messages)


def read(message_id: str) -> bytes | None:
    """Return the mail of a message as it was written to the outbox, if any."""
    path = settings.OUTBOX_DIR and settings.OUTBOX_DIR / f"{message_id}.eml"
    return path.read_bytes() if path and path.is_file() else None
