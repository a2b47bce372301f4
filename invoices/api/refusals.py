"""Refusals of the domain as problems of the API."""

from contextlib import AbstractContextManager

from inflow.api.errors import Problem, invalid, not_found
from invoices import lifecycle


class refusals_as_problems(AbstractContextManager[None]):
    """Raise what the domain refuses as a `Problem`."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case None:
                return
            case lifecycle.NotFound():
                raise not_found() from error
            case lifecycle.VersionMismatch():
                detail = "The invoice has changed since the version in If-Match."
                raise Problem(412, "version_mismatch", detail) from error
            case lifecycle.Stale() | lifecycle.CancelledNumber():
                raise Problem(409, error.code, error.message) from error
            case lifecycle.StaffOnly():
                raise Problem(403, error.code, error.message) from error
            case lifecycle.Refused():
                raise invalid(error.field, error.code, error.message) from error
