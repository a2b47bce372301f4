"""Base class of the planners of invoices and payments."""

import datetime as dt
import itertools
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import StrictSerializer
from invoices.imports import cells, columns
from invoices.imports.errors import RowRefused
from invoices.models import Invoice
from invoices.models.imports import Import, ImportRow, Outcome
from invoices.registering import NewInvoice

# Fields with many notations; the preview shows how they were understood.
NORMALISED = (
    *("amount", "amount_paid", "balance", "amount_credited", "currency"),
    *("issue_date", "due_date", "paid_at", "debtor_phone", "source_updated_at"),
)


@dataclass(slots=True)
class Plan:
    """Outcome of a row if it were imported now.

    `changes` holds the old and new value of each field, `read` the normalised cells. `new` is what the row registers,
    together with others. Otherwise `do` imports the row, and `debtors` returns the ids of the debtors that it locks.
    """

    outcome: Outcome
    reason: str = ""
    changes: dict[str, list[str]] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    debtors: Callable[[], Collection[uuid.UUID]] | None = None
    do: Callable[[Actor], object] | None = None
    new: NewInvoice | None = None


class RowPlanner(ABC):
    """Planner of a batch of rows. It reads all of their invoices at once."""

    serializer: type[StrictSerializer]

    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        self.file = file
        self.account: Account = file.account
        self.today: dt.date = file.account.today()
        # Creating one for each row takes DRF nearly as long as validating the row.
        self._serializer = self.serializer(context={"account": file.account})
        self.labels = {column.field: str(column.label) for column in columns.COLUMNS[file.kind]}
        numbers = {row.said.get("invoice_number", "")[:64] for row in rows} - {""}
        found = Invoice.objects.for_account(file.account).numbered(*numbers)
        self.invoices: dict[str, Invoice] = {invoice.invoice_number: invoice for invoice in found}

    @abstractmethod
    def plan(self, texts: dict[str, str]) -> Plan:
        """Return the plan of a row, from its cells by field. Raise `RowRefused` or `Refused`."""

    def date(self, text: str) -> str:
        """Return a date cell in ISO format, with the file's order of day and month."""
        survey = self.file.survey
        return cells.date(text, survey.get("date_order", self.file.date_order), survey.get("date_conflict", ""))

    def moment(self, text: str) -> str:
        """Return a cell with a date and perhaps a time in the API's format, by default in the account's time zone."""
        survey = self.file.survey
        order, conflict = survey.get("date_order", self.file.date_order), survey.get("date_conflict", "")
        return cells.moment(text, self.account.zone, order, conflict)

    def checked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data as validated by the planner's serializer. Raise `RowRefused` with its errors."""
        try:
            return dict(self._serializer.run_validation(data))
        except ValidationError as refusal:
            details: Any = refusal.detail
            raise RowRefused(
                " ".join(
                    _("%(field)s: %(message)s") % {"field": columns.label(self.file.kind, name), "message": error}
                    for name, errors in details.items()
                    for error in (itertools.chain(*errors.values()) if isinstance(errors, dict) else errors)
                )
            ) from refusal
