"""Unapplied credit: money that a debtor paid and that pays no invoice yet."""

import datetime as dt
import uuid
from collections.abc import Collection
from decimal import Decimal

from django.db.models import F, Max, QuerySet, Sum

from invoices.models import Invoice, Payment, Status


def credit_of(debtor_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Decimal]]:
    """Return each debtor's unapplied credit by currency. A debtor or a currency without credit is left out."""
    found: dict[uuid.UUID, dict[str, Decimal]] = {}
    rows = unapplied().filter(debtor__in=debtor_ids).order_by().values_list("debtor_id", "currency")
    for debtor_id, currency, amount in rows.annotate(amount=Sum(CREDIT)):
        found.setdefault(debtor_id, {})[currency] = amount
    return found


def credited_at(debtor_id: uuid.UUID) -> dt.datetime | None:
    """Return when the debtor's present credit was last added to, by the account's time."""
    payments = Payment.objects.filter(invoice__in=unapplied().filter(debtor=debtor_id), amount__gt=0)
    newest: dt.datetime | None = payments.aggregate(newest=Max("recorded_at"))["newest"]
    return newest


# What each row of `unapplied` adds to the credit of its debtor.
CREDIT = F("amount_paid") - F("amount")


def unapplied() -> QuerySet[Invoice]:
    """Return the rows that carry credit: each has a debtor and a currency."""
    return Invoice.objects.filter(amount_paid__gt=F("amount")).exclude(status=Status.CANCELLED)
