"""Errors of the domain. A function that raises one has changed nothing."""


class Refused(Exception):
    """The rules don't allow the change. Programs read `field` and `code`, people read `message`."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


class StaffOnly(Refused):
    """Only a person in the dashboard may make the change."""


class VersionMismatch(Exception):
    """The If-Match header names another version of the invoice."""


class NotFound(Exception):
    """The account has no such row."""


class InvalidPhone(ValueError):
    """The text is not a possible phone number."""
