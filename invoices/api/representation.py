"""An invoice as the world sees it: the same fields in the API and in webhooks, declared once."""

import datetime as dt
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse

from inflow.accounts.models import Account
from invoices import contact_lists, ledger, narrative, signals
from invoices.derivation import days_overdue
from invoices.models import Dispute, Escalation, Invoice, Payment, Promise, Status, TimelineEntry

# Read from the row, in the order of the contract.
COLUMNS = (
    "id",
    "invoice_number",
    "external_id",
    "debtor_id",
    "debtor_name",
    "debtor_company",
    "debtor_email",
    "debtor_phone",
    "contacts",
    "amount",
    "currency",
    "status",
    "payment_status",
    "issue_date",
    "due_date",
    "language",
    "notes",
    "purchase_order",
    "payment_url",
    "tags",
    "metadata",
    "source_updated_at",
    "amount_paid",
    "amount_credited",
    "hold_until",
    "escalation_level",
    "last_contacted_at",
    "next_contact_at",
    "version",
    "created_at",
    "updated_at",
)
FIELDS = (*COLUMNS, "balance", "credit_available", "is_overdue", "days_overdue", "url")
# What is read of an invoice. The party says whose credit counts, and is not shown.
ROW = (*COLUMNS, "party")
# Texts that are null if they are empty.
_OPTIONAL = (
    *("external_id", "debtor_company", "debtor_email", "debtor_phone"),
    *("notes", "purchase_order", "payment_url"),
)

Stops = Callable[[uuid.UUID], bool]


def stops_of(account: Account) -> Stops | None:
    """Return a function that says of an invoice, by its id, that its next message is stopped; None if none is."""
    responses: list[tuple[Any, Any]] = signals.next_contact_shown.send(Account, account=account)
    return next((stops for _, stops in responses if stops), None)


def of_row(row: dict[str, Any], today: dt.date, stops: Stops | None = None) -> dict[str, Any]:
    """Return the JSON of a row of `ROW`, which becomes it, after `add_credit`.

    `today` is the account's, for what is computed as of now; `stops` is `stops_of` it.
    """
    if stops and row["next_contact_at"] and stops(row["id"]):
        row["next_contact_at"] = None
    due = row["due_date"]
    late = days_overdue(row["status"], due, today) if due < today else 0
    covered = row["amount_paid"] + row["amount_credited"]
    row["balance"] = row["amount"] - covered if covered else row["amount"]
    row["is_overdue"] = late > 0
    row["days_overdue"] = late
    row["url"] = _url_of(row["id"])
    # A hold stays stored while the invoice is paid or written off, but it holds nothing then.
    if row["status"] != Status.ON_HOLD:
        row["hold_until"] = None
    row["contacts"] = contact_lists.shown(row["contacts"], row["debtor_email"], row["debtor_phone"])
    for name in _OPTIONAL:
        row[name] = row[name] or None
    return row


def of_invoice(invoice: Invoice) -> dict[str, Any]:
    return of_invoices([invoice])[0]


def of_invoices(invoices: Sequence[Invoice]) -> list[dict[str, Any]]:
    """Return the JSON of invoices of one account."""
    account = invoices[0].account
    today, stops = account.today(), stops_of(account)
    rows = [{name: getattr(invoice, name) for name in ROW} for invoice in invoices]
    return [of_row(row, today, stops) for row in add_credit(rows)]


def add_credit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the unapplied credit of each invoice's party in its currency. Return the rows, which are rows of `ROW`."""
    credit = ledger.credit_of({row["debtor_id"] for row in rows}) if rows else {}
    spellings: dict[uuid.UUID, set[str]] = {}
    if credit:
        invoices = Invoice.objects.filter(debtor__in=credit).order_by()
        for debtor_id, party in invoices.values_list("debtor_id", "party").distinct():
            spellings.setdefault(debtor_id, set()).add(party)
    of_party: dict[tuple[uuid.UUID, str], dict[str, Decimal]] = {}
    for row in rows:
        debtor_id, party = row["debtor_id"], row.pop("party")
        theirs = credit.get(debtor_id, {})
        if len(spellings.get(debtor_id, ())) > 1:
            if (debtor_id, party) not in of_party:
                invoice = Invoice.objects.select_related("account", "debtor").get(pk=row["id"])
                of_party[debtor_id, party] = ledger.credit_for(invoice)
            theirs = of_party[debtor_id, party]
        row["credit_available"] = theirs.get(row["currency"], Decimal(0))
    return rows


def _url_of(invoice_id: uuid.UUID) -> str:
    before, after = _case_file()
    return f"{before}{invoice_id}{after}"


@functools.cache
def _case_file() -> list[str]:
    """Return what stands before and after the id in the address of an invoice's page in the dashboard."""
    path = reverse("admin:invoices_invoice_change", args=[_PLACE])
    return f"{settings.BASE_URL}{path}".split(_PLACE)


_PLACE = "00000000-0000-0000-0000-000000000000"


PAYMENT_COLUMNS = (
    "id",
    "amount",
    "paid_at",
    "method",
    "reference",
    "reversal_of_id",
    "status",
    "allocated",
    "unallocated",
    "created_at",
)


def of_payment_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a row of `PAYMENT_COLUMNS`."""
    data = {name.removesuffix("_id"): value for name, value in row.items()}
    data["reference"] = data["reference"] or None
    return data


def of_payment(payment: Payment) -> dict[str, Any]:
    return of_payment_row({name: getattr(payment, name) for name in PAYMENT_COLUMNS})


TIMELINE_COLUMNS = ("id", "at", "kind", "actor", "channel", "params", "stored_text", "before", "after", "reason")


def of_timeline_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a row of `TIMELINE_COLUMNS`."""
    return {
        "at": row["at"],
        "kind": row["kind"],
        "actor": row["actor"],
        "channel": row["channel"],
        "text": narrative.in_english(TimelineEntry(**row)),
        "before": _with_numbers(row["before"]),
        "after": _with_numbers(row["after"]),
        "reason": row["reason"] or None,
    }


def _with_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a change with its amounts as numbers. They are stored as texts, which are exact."""
    return {
        name: Decimal(value) if name in _AMOUNTS and isinstance(value, str) else value for name, value in values.items()
    }


_AMOUNTS = ("amount", "balance", "credit")
ESCALATION_COLUMNS = (
    "id",
    "invoice_id",
    "invoice__invoice_number",
    "level",
    "reason",
    "status",
    "assignee__email",
    "resolution",
    "notes",
    "opened_at",
    "created_at",
    "resolved_at",
)


def of_escalation_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a row of `ESCALATION_COLUMNS`."""
    data = {name.removeprefix("invoice__"): value for name, value in row.items()}
    data["assignee"] = data.pop("assignee__email")
    for name in ("resolution", "notes"):
        data[name] = data[name] or None
    return data


def of_escalation(escalation: Escalation) -> dict[str, Any]:
    row = {name: getattr(escalation, name) for name in ESCALATION_COLUMNS if "__" not in name}
    row["invoice__invoice_number"] = escalation.invoice.invoice_number
    row["assignee__email"] = escalation.assignee.email if escalation.assignee else None
    return of_escalation_row({name: row[name] for name in ESCALATION_COLUMNS})


def of_promise(promise: Promise) -> dict[str, Any]:
    names = ("id", "invoice_id", "promised_on", "amount", "hold_until", "status", "created_at")
    return {name: getattr(promise, name) for name in names} | {"invoice_number": promise.invoice.invoice_number}


DISPUTE_COLUMNS = (
    *("id", "invoice_id", "invoice__invoice_number", "reason__name_en", "amount", "text", "owner__email", "answer_by"),
    *("status", "outcome", "answer", "opened_at", "resolved_at", "created_at"),
)


def of_dispute_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a row of `DISPUTE_COLUMNS`."""
    named = {"invoice__invoice_number": "invoice_number", "reason__name_en": "reason", "owner__email": "owner"}
    data = {named.get(name, name): value for name, value in row.items()}
    for name in ("text", "outcome", "answer"):
        data[name] = data[name] or None
    return data


def of_dispute(dispute: Dispute) -> dict[str, Any]:
    """Return the JSON of a dispute."""
    row = {name: getattr(dispute, name) for name in DISPUTE_COLUMNS if "__" not in name}
    row["invoice__invoice_number"] = dispute.invoice.invoice_number
    row["reason__name_en"] = dispute.reason.name_en if dispute.reason else None
    row["owner__email"] = dispute.owner.email if dispute.owner else None
    return of_dispute_row({name: row[name] for name in DISPUTE_COLUMNS})
