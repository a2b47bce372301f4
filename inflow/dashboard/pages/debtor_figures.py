"""Balances of debtors: by currency and age on a debtor's page, and by currency in the list."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, Count, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Cast, JSONObject
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from inflow.accounts.models import User
from inflow.dashboard.pages import ages
from invoices import ledger, money
from invoices.debtors.receivables import BALANCE, UNDISPUTED, Part, amount_in, in_part
from invoices.models import OPEN, CreditNote, Debtor, Invoice, Receipt, Status

_ZERO = Decimal(0)


# --- A debtor's page ---------------------------------------------------------------------------------------------


def owed(debtor: Debtor) -> list[dict[str, Any]]:
    """Return, for each currency, the outstanding amount, its parts and ages, and the credit."""
    credit, today = ledger.credit_of([debtor.pk]).get(debtor.pk, {}), debtor.account.today()
    rows = {row["currency"]: row for row in _sums(debtor, today)}
    for currency in credit.keys() - rows.keys():
        rows[currency] = {"currency": currency}
    return [_shown(debtor, rows[currency], credit.get(currency, _ZERO)) for currency in sorted(rows)]


def _sums(debtor: Debtor, today: dt.date) -> Iterable[dict[str, Any]]:
    """Return the sums of the debtor's open invoices by currency, in one statement."""
    is_past = Q(due_date__lt=today)
    parts = {part.value: in_part(part, is_past) for part in Part} | {"open": Q(status__in=OPEN)}
    parts |= {age: _aged(age, today) for age in ages.AGES}
    amounts: dict[str, Any] = {"open": BALANCE} | {part.value: amount_in(part) for part in Part}
    sums = {
        _name(part): Sum(amounts.get(part, UNDISPUTED), filter=condition, default=_ZERO)
        for part, condition in parts.items()
    }
    invoices = Invoice.objects.filter(debtor=debtor).exclude(status=Status.CANCELLED).order_by()
    return list(invoices.values("currency").annotate(invoices=Count("pk", filter=Q(status__in=OPEN)), **sums))


def _aged(age: str, today: dt.date) -> Q:
    first, last = ages.AGES[age]
    late = in_part(Part.OVERDUE, Q(due_date__lt=today - dt.timedelta(days=first - 1)))
    return late if last is None else late & Q(due_date__gte=today - dt.timedelta(days=last))


def _name(part: str) -> str:
    return f"sum_{part.replace('-', '_')}"


def _shown(debtor: Debtor, row: dict[str, Any], credit: Decimal) -> dict[str, Any]:
    currency = row["currency"]

    def amount(part: str) -> Decimal:
        found: Decimal = row.get(_name(part), _ZERO)
        return found

    def display(value: Decimal) -> str:
        return money.display(value, currency) if value else ""

    outstanding, count = amount("open"), row.get("invoices", 0)
    columns = {"later": "not_due"} | {age: age for age in ages.AGES} | {"on_hold": "on_hold", "disputed": "disputed"}
    return {
        "currency": currency,
        "open_count": count,
        "open": money.display(outstanding, currency),
        "net": money.display(max(outstanding - credit, _ZERO), currency) if credit and count else "",
        "credit": display(credit),
        **{part: display(amount(part)) for part in ("overdue", "on_hold", "disputed")},
        "ages": [
            {"amount": display(amount(part)), "url": _invoices_url(debtor, due=due, currency=currency), "due": due}
            for due, part in columns.items()
        ],
    }


def headings() -> list[str]:
    """Return the headings of the columns of `ages`."""
    names = [
        _("%(first)d–%(last)d days") % {"first": first, "last": last} for first, last in ages.AGES.values() if last
    ]
    return [_("Not due"), *names, _("Over 90 days"), _("On hold"), _("Disputed")]


def _invoices_url(debtor: Debtor, **query: str) -> str:
    url = reverse("admin:invoices_invoice_changelist")
    return f"{url}?{urlencode({'debtor__id__exact': str(debtor.pk), **query})}"


# --- The list ----------------------------------------------------------------------------------------------------


def with_balances(rows: QuerySet[Debtor], user: User) -> QuerySet[Debtor]:
    """Annotate debtors with their sums by currency, which are computed for the rows of the page only."""
    invoices = Invoice.objects.filter(debtor=OuterRef("pk"), status__in=OPEN).order_by().values("currency")
    late = Sum(UNDISPUTED, filter=ages.overdue(user), default=_ZERO)
    sums = invoices.annotate(total=Sum(BALANCE), late=late)
    json = JSONObject(currency="currency", total=_text("total"), late=_text("late"))
    annotated: QuerySet[Debtor] = rows.annotate(
        sums_owed=ArraySubquery(sums.values_list(json)),
        sums_received=ArraySubquery(_credit(Receipt)),
        sums_credited=ArraySubquery(_credit(CreditNote)),
    )
    return annotated


def _credit(model: type[Receipt] | type[CreditNote]) -> QuerySet[Any]:
    having = model.objects.filter(debtor=OuterRef("pk"), unallocated__gt=0).order_by().values("currency")
    sums: QuerySet[Any] = having.annotate(total=Sum("unallocated"))
    return sums.values_list(JSONObject(currency="currency", total=_text("total")))


def _text(name: str) -> Cast:
    """Return an amount as text: JSON's numbers are not exact."""
    return Cast(name, CharField())


def outstanding(debtor: Any) -> dict[str, Decimal]:
    """Return the outstanding amounts of a row of `with_balances` by currency."""
    return {row["currency"]: Decimal(row["total"]) for row in debtor.sums_owed}


def overdue(debtor: Any) -> dict[str, Decimal]:
    return {row["currency"]: amount for row in debtor.sums_owed if (amount := Decimal(row["late"]))}


def credit(debtor: Any) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for row in (*debtor.sums_received, *debtor.sums_credited):
        found[row["currency"]] = found.get(row["currency"], _ZERO) + Decimal(row["total"])
    return found


def in_words(amounts: dict[str, Decimal]) -> list[str]:
    return [money.display(amounts[currency], currency) for currency in sorted(amounts)]
