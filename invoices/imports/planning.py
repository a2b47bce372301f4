"""What becomes of a row: by the serializers and verbs of the API, and without doing it yet.

An import registers invoices and payments. Of an invoice that is known it moves the due date and writes the notes;
whatever else differs is refused, as nobody can change it from outside. A cell that is empty says nothing.
"""

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api.fields import DateField, MoneyField, StrictSerializer, TextField
from invoices import debtors, lifecycle, money
from invoices.imports import cells, columns
from invoices.imports.models import Import, ImportRow, Kind, Outcome
from invoices.imports.reading import MAX_CELL
from invoices.models import Invoice, Payment, Receipt, ReceiptStatus
from invoices.serializers import InvoiceIn
from invoices.writing import Refused


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


# What people write in many ways.
_READ = ("amount", "amount_paid", "issue_date", "due_date", "paid_at", "debtor_phone")


class _No(Exception):
    """The row is refused; the message says why."""


class PaymentRow(StrictSerializer):
    """A payment as the API takes it, known by its reference."""

    amount = MoneyField(positive=True)
    reference = TextField(max_length=100)
    paid_at = DateField(required=False)
    method = TextField(max_length=40, required=False)


def plan(file: Import, rows: Sequence[ImportRow]) -> list[Plan]:
    """One for each row, as things stand."""
    keys = {row.key for row in rows} - {""}
    first = dict(file.rows.filter(key__in=keys).values_list("key").annotate(Min("line")).order_by())
    known: _Known = _Invoices(file, rows) if file.kind == Kind.INVOICES else _Payments(file, rows)
    plans = []
    for row in rows:
        try:
            if row.key and first[row.key] != row.line:
                raise _No(_("Line %(line)d is the same one.") % {"line": first[row.key]})
            plans.append(known.plan(_checked(row.said)))
        except (_No, cells.Ambiguous) as no:
            plans.append(Plan(Outcome.REFUSED, str(no)))
        except Refused as refusal:
            plans.append(Plan(Outcome.REFUSED, refusal.message))
    return plans


def _checked(said: Mapping[str, str]) -> dict[str, str]:
    for text in said.values():
        cells.refuse_errors(text)
        if len(text) > MAX_CELL:
            raise _No(_("A cell has more than %(length)d characters.") % {"length": MAX_CELL})
    return {name: text for name, text in said.items() if text}


class _Known(ABC):
    """What the rows speak of, read at once."""

    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        self.file = file
        self.account: Account = file.account
        self.today: dt.date = file.account.today()
        numbers = {row.said.get("invoice_number", "")[:64] for row in rows}
        found = Invoice.objects.for_account(file.account).filter(invoice_number__in=numbers)
        self.invoices: dict[str, Invoice] = {invoice.invoice_number: invoice for invoice in found}

    @abstractmethod
    def plan(self, said: dict[str, str]) -> Plan: ...

    def checked(self, serializer: type[StrictSerializer], data: Mapping[str, str]) -> dict[str, Any]:
        try:
            return serializer.checked(data, account=self.account)
        except ValidationError as refusal:
            details: Any = refusal.detail
            raise _No(
                " ".join(
                    _("%(field)s: %(message)s") % {"field": columns.label(self.file.kind, name), "message": error}
                    for name, errors in details.items()
                    for error in errors
                )
            ) from refusal


class _Invoices(_Known):
    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        super().__init__(file, rows)
        opening = Payment.objects.filter(invoice__in=self.invoices.values(), method="opening", reversal_of=None)
        self.opened: dict[Any, Decimal] = dict(opening.values_list("invoice_id", "amount"))
        self.debtors: dict[tuple[str, ...], uuid.UUID] = {}

    def plan(self, said: dict[str, str]) -> Plan:
        invoice = self.invoices.get(said.get("invoice_number", ""))
        data = self._data(said, invoice)
        new = lifecycle.NewInvoice(**self.checked(InvoiceIn, data))
        lifecycle.check_new(new, self.today)
        made = self._register(new) if invoice is None else self._compare(invoice, new, said)
        return replace(made, read={name: data[name] for name in _READ if name in said})

    def _data(self, said: dict[str, str], invoice: Invoice | None) -> dict[str, str]:
        data = dict(said)
        default = invoice.currency if invoice else self.file.currency
        currency = data.setdefault("currency", default).upper()
        data["currency"] = currency
        for name in ("amount", "amount_paid"):
            if name in data:
                data[name] = cells.amount(data[name], currency)
        for name in ("issue_date", "due_date"):
            if name in data:
                data[name] = cells.date(data[name], self.file.date_order)
        if invoice and "issue_date" not in data:
            data["issue_date"] = invoice.issue_date.isoformat()
        if "debtor_phone" in data:
            data["debtor_phone"] = cells.phone(data["debtor_phone"], self.account.country)
        if "language" in data:
            data["language"] = cells.language(data["language"])
        return {name: text for name, text in data.items() if text}

    def _register(self, new: lifecycle.NewInvoice) -> Plan:
        notes = []
        if new.due_date < self.today and new.amount_paid < new.amount:
            notes.append(_("Past due: chased from the next working day on."))
        if not new.debtor_email and not new.debtor_phone:
            notes.append(_("No email or phone: nobody is written to."))
        return Plan(
            Outcome.NEW,
            " ".join(notes),
            debtor=lambda: self._debtor_of(new),
            do=lambda actor: lifecycle.create(self.account, new, actor),
        )

    def _debtor_of(self, new: lifecycle.NewInvoice) -> uuid.UUID:
        known_by = new.debtor_name, new.debtor_company, new.debtor_email, new.debtor_phone
        if known_by not in self.debtors:
            name, company, email, phone = known_by
            found = debtors.find_or_make(self.account, name=name, company=company, email=email, phone=phone)
            self.debtors[known_by] = found.pk
        return self.debtors[known_by]

    def _compare(self, invoice: Invoice, new: lifecycle.NewInvoice, said: dict[str, str]) -> Plan:
        for name in ("debtor_name", "debtor_company", "debtor_email", "debtor_phone", "amount", "currency"):
            self._refuse_other(name, getattr(invoice, name), getattr(new, name), said)
        self._refuse_other("issue_date", invoice.issue_date, new.issue_date, said)
        self._refuse_other("language", invoice.language, new.language, said)
        if "amount_paid" in said and new.amount_paid not in (
            invoice.amount_paid,
            self.opened.get(invoice.pk, Decimal(0)),
        ):
            raise _No(
                _("Paid already is %(now)s, not %(said)s. What came in since is imported as payments.")
                % {"now": f"{invoice.amount_paid.normalize():f}", "said": said["amount_paid"]}
            )
        changes = {}
        if new.due_date != invoice.due_date:
            lifecycle.check_due_date(invoice, new.due_date)
            changes["due_date"] = [invoice.due_date.isoformat(), new.due_date.isoformat()]
        if "notes" in said and new.notes.split() != invoice.notes.split():
            changes["notes"] = [invoice.notes, new.notes]
        if not changes:
            return Plan(Outcome.UNCHANGED)
        is_anew = (new.due_date - invoice.due_date).days >= lifecycle.NEW_ROUND_DAYS
        return Plan(
            Outcome.CHANGED,
            _("The reminders begin anew.") if is_anew else "",
            changes,
            debtor=lambda: invoice.debtor_id,
            do=lambda actor: self._change(invoice, new, changes, actor),
        )

    def _refuse_other(self, name: str, now: Any, new: Any, said: dict[str, str]) -> None:
        if name not in said or now == new or _folded(name, now) == _folded(name, new):
            return
        raise _No(
            _("%(field)s is %(now)s, not %(said)s. Of a known invoice, an import changes the due date and the notes.")
            % {
                "field": columns.label(self.file.kind, name),
                "now": f"{now.normalize():f}" if isinstance(now, Decimal) else (now or "–"),
                "said": said[name],
            }
        )

    def _change(self, invoice: Invoice, new: lifecycle.NewInvoice, changes: Mapping[str, Any], actor: Actor) -> None:
        why = self.file.file_name
        with transaction.atomic():
            if "due_date" in changes:
                lifecycle.move_due_date(self.account, invoice.pk, actor, new.due_date, reason=why)
            if "notes" in changes:
                lifecycle.change(self.account, invoice.pk, actor, notes=new.notes, reason=why)


class _Payments(_Known):
    def __init__(self, file: Import, rows: Sequence[ImportRow]) -> None:
        super().__init__(file, rows)
        references = {row.key for row in rows} - {""}
        # A payment that was undone has released its reference; on another invoice the same transfer is another row.
        standing = Receipt.objects.for_account(file.account).filter(status=ReceiptStatus.STANDING)
        found = standing.filter(reference__in=references).select_related("posted_on")
        self.payments = {(receipt.reference, receipt.posted_on_id): receipt for receipt in found}

    def plan(self, said: dict[str, str]) -> Plan:
        number = said.pop("invoice_number", "")
        invoice = self.invoices.get(number)
        if invoice is None:
            raise _No(_("There is no invoice of this number.") if number else _("It does not say which invoice."))
        currency = said.pop("currency", "").upper()
        if currency and currency != invoice.currency:
            raise _No(_("The invoice is in %(currency)s.") % {"currency": invoice.currency})
        if "amount" in said:
            said["amount"] = cells.amount(said["amount"], invoice.currency)
        if "paid_at" in said:
            said["paid_at"] = cells.date(said["paid_at"], self.file.date_order)
        new = self.checked(PaymentRow, said)
        if known := self.payments.get((new["reference"], invoice.pk)):
            return _same(known, invoice, new)
        lifecycle.check_payment(invoice, new["amount"], new.get("paid_at"), self.today, reference=new["reference"])
        return Plan(
            Outcome.NEW,
            _note(invoice, new["amount"]),
            read={name: said[name] for name in _READ if name in said},
            debtor=lambda: invoice.debtor_id,
            do=lambda actor: lifecycle.record_payment(self.account, invoice.pk, actor, **new),
        )


def _folded(name: str, value: Any) -> Any:
    """What differs in spaces, or an email in case, is the same."""
    text = " ".join(value.split()) if isinstance(value, str) else value
    return text.casefold() if name == "debtor_email" else text


def _same(known: Receipt, invoice: Invoice, new: Mapping[str, Any]) -> Plan:
    if (known.amount, known.paid_at) == (new["amount"], new.get("paid_at", known.paid_at)):
        return Plan(Outcome.UNCHANGED)
    raise _No(
        _("This reference is of another payment: %(amount)s for invoice %(number)s on %(day)s.")
        % {
            "amount": money.display(known.amount, known.currency),
            "number": invoice.invoice_number,
            "day": known.paid_at.isoformat(),
        }
    )


def _note(invoice: Invoice, amount: Decimal) -> str:
    if amount <= invoice.balance:
        return ""
    over = money.display(amount - invoice.balance, invoice.currency)
    return _("%(amount)s more than is owed: the debtor's credit.") % {"amount": over}
