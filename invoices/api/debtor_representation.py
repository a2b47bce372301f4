"""A debtor as other systems see it, with its balances as of now."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, Sum

from inflow.accounts.models import Account
from invoices import ledger
from invoices.debtors.receivables import BALANCE, UNDISPUTED, Part, in_part
from invoices.models import OPEN, Contact, Debtor, DebtorExternalId, Invoice

COLUMNS = (
    *("id", "name", "company", "email", "phone", "language", "time_zone", "country", "subdivision", "owner__email"),
    *("tags", "policy__name", "never_chase", "never_chase_reason", "created_at", "updated_at"),
)
# In the order of the contract.
FIELDS = (
    *("id", "external_ids", "name", "company", "email", "phone", "language", "time_zone", "country", "subdivision"),
    *("owner", "tags", "policy", "never_chase", "never_chase_reason", "contacts", "balances"),
    *("created_at", "updated_at"),
)
_CONTACT = ("id", "name", "role", "email", "phone", "language", "receives")
_NULL_IF_EMPTY = (
    *("company", "email", "phone", "language", "time_zone", "country", "subdivision"),
    *("never_chase_reason", "name", "role"),
)

Row = dict[str, Any]


def of_rows(account: Account, rows: Sequence[Row]) -> list[Row]:
    """Return the JSON of rows of `COLUMNS`, in four statements however many they are."""
    ids = [row["id"] for row in rows]
    external_ids: dict[uuid.UUID, list[str]] = {debtor_id: [] for debtor_id in ids}
    known = DebtorExternalId.objects.filter(debtor__in=ids).order_by("id")
    for debtor_id, external_id in known.values_list("debtor_id", "external_id"):
        external_ids[debtor_id].append(external_id)
    contacts: dict[uuid.UUID, list[Row]] = {debtor_id: [] for debtor_id in ids}
    for row in Contact.objects.filter(debtor__in=ids).order_by("position", "id").values("debtor_id", *_CONTACT):
        contacts[row.pop("debtor_id")].append(_with_nulls(row))
    balances = balances_of(account, ids)
    return [_shown(row, external_ids[row["id"]], contacts[row["id"]], balances[row["id"]]) for row in rows]


def of_debtor(debtor: Debtor) -> Row:
    row = Debtor.objects.filter(pk=debtor.pk).values(*COLUMNS).get()
    return of_rows(debtor.account, [row])[0]


def balances_of(account: Account, debtor_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Row]]:
    """Return outstanding and overdue amounts and credit of these debtors, by currency."""
    found: dict[uuid.UUID, dict[str, Row]] = {debtor_id: {} for debtor_id in debtor_ids}
    overdue = in_part(Part.OVERDUE, Q(due_date__lt=account.today()))
    invoices = Invoice.objects.filter(debtor__in=debtor_ids, status__in=OPEN).order_by().values("debtor_id", "currency")
    for row in invoices.annotate(outstanding=Sum(BALANCE), overdue=Sum(UNDISPUTED, filter=overdue, default=0)):
        debtor_id = row.pop("debtor_id")
        found[debtor_id][row["currency"]] = {**row, "credit": 0}
    for debtor_id, credit in ledger.credit_of(debtor_ids).items():
        for currency, amount in credit.items():
            nothing = {"currency": currency, "outstanding": 0, "overdue": 0}
            found[debtor_id].setdefault(currency, nothing)["credit"] = amount
    return {debtor_id: [rows[code] for code in sorted(rows)] for debtor_id, rows in found.items()}


def _shown(row: Row, external_ids: list[str], contacts: list[Row], balances: list[Row]) -> Row:
    known = {
        **_with_nulls(row),
        "external_ids": external_ids,
        "owner": row["owner__email"],
        "policy": row["policy__name"],
        "contacts": contacts,
        "balances": balances,
    }
    return {name: known[name] for name in FIELDS}


def _with_nulls(row: Row) -> Row:
    return {name: (value or None) if name in _NULL_IF_EMPTY else value for name, value in row.items()}
