"""Exceptions of manual messages."""

from communications.models import Communication


class PreviewOutdated(Exception):
    """The message that would be sent differs from the preview."""


class AlreadySent(Exception):
    """A form was submitted again. `message` is the existing message."""

    def __init__(self, message: Communication) -> None:
        super().__init__(message)
        self.message = message
