"""Errors of the domain's verbs. A verb that raises one leaves nothing behind."""


class Refused(Exception):
    """A change that the rules don't allow. `field` and `code` are for machines, the message is for people."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


class StaffOnly(Refused):
    """A change that only a person in the dashboard may make."""


class VersionMismatch(Exception):
    """The caller's If-Match names another version."""


class NotFound(Exception):
    """The account has no such row."""
