"""Errors of the domain. A function that raises one has changed nothing."""

from django.utils.translation import gettext as _


class Refused(Exception):
    """The rules don't allow the change. Programs read `field` and `code`, people read `message`."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


class StaffOnly(Refused):
    """Only a person in the dashboard may make the change."""


class Stale(Refused):
    """A newer change from the same source has been accepted."""


class CancelledNumber(Refused):
    """The number is that of a cancelled invoice, which is not registered again by itself."""


class Changed(Refused):
    """A row was changed between its reading and its locking. The change may be tried again."""

    def __init__(self, field: str = "invoice") -> None:
        super().__init__(field, "changed", _("The invoice has changed in the meantime. Try again."))


class Busy(Exception):
    """Another transaction adds rows to the debtor. The change may be tried again."""


class VersionMismatch(Exception):
    """The If-Match header names another version of the invoice."""


class NotFound(Exception):
    """The account has no such row."""


class InvalidPhone(ValueError):
    """The text is not a possible phone number."""
