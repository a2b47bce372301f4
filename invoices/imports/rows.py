"""Base of the planning of invoices and of payments."""

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import StrictSerializer
from invoices.imports import cells, columns
from invoices.imports.errors import RowRefused
from invoices.models import Invoice, Status
from invoices.models.imports import Import, ImportRow, Outcome

# Cells that people write in many ways; the preview shows how they were read.
READ = (
    *("amount", "amount_paid", "balance", "amount_credited", "currency"),
    *("issue_date", "due_date", "paid_at", "debtor_phone"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes` says of each field what it was and what it becomes, `read` how amounts and dates were understood.
    `do` does it; `debtor` finds whose row it locks."""

    outcome: Outcome
    reason: str = ""
    changes: dict[str, list[str]] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)
    debtor: Callable[[], uuid.UUID] | None = None
    do: Callable[[Actor], object] | None = None


class RowPlanner(ABC):
    """The invoices that the rows speak of, read at once."""

    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        self.file = file
        self.account: Account = file.account
        self.today: dt.date = file.account.today()
        self.labels = {column.field: str(column.label) for column in columns.COLUMNS[file.kind]}
        numbers = {row.said.get("invoice_number", "")[:64] for row in rows} - {""}
        found = Invoice.objects.for_account(file.account).filter(invoice_number__in=numbers)
        # A number that a cancelled invoice once had may be another's now.
        ordered = sorted(found, key=lambda invoice: invoice.status != Status.CANCELLED)
        self.invoices: dict[str, Invoice] = {invoice.invoice_number: invoice for invoice in ordered}

    @abstractmethod
    def plan(self, said: dict[str, str]) -> Plan: ...

    def date(self, text: str) -> str:
        """A date cell, in the one order of day and month that the file has."""
        survey = self.file.survey
        return cells.date(text, survey.get("date_order", self.file.date_order), survey.get("date_conflict", ""))

    def checked(self, serializer: type[StrictSerializer], data: Mapping[str, str]) -> dict[str, Any]:
        try:
            return serializer.checked(data, account=self.account)
        except ValidationError as refusal:
            details: Any = refusal.detail
            raise RowRefused(
                " ".join(
                    _("%(field)s: %(message)s") % {"field": columns.label(self.file.kind, name), "message": error}
                    for name, errors in details.items()
                    for error in errors
                )
            ) from refusal
