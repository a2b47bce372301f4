"""One truth about the future: every place that names a debtor's next message names the same moment, at once."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from communications import brakes, by_hand, clock, forecast
from communications.models import CollectionSettings, Communication, Kind
from inflow.accounts.models import Account
from invoices import cases, debtors, lifecycle
from invoices.models import Escalation, Invoice
from tests import make
from tests.communications.test_ladder import account_at, at
from tests.communications.test_rules import until
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
MONDAY = "2026-04-06 08:00"


def owing(account: Account, number: str = "INV-1", **given: Any) -> Invoice:
    given.setdefault("issue_date", dt.date(2026, 1, 1))
    given.setdefault("due_date", dt.date(2026, 4, 5))
    return make.again(make.invoice(account, invoice_number=number, **given))


def planned(invoice: Invoice) -> Communication:
    return Communication.objects.get(invoice=invoice, status="scheduled", step__isnull=False)


def next_in_forecast(account: Account, days: int = 30) -> dict[str, tuple[dt.datetime, str]]:
    with nothing_happens(account):
        entries = forecast.forecast(account, days).entries
    found: dict[str, tuple[dt.datetime, str]] = {}
    for entry in entries:
        found.setdefault(entry.invoice_number, (entry.scheduled_for, entry.reason))
    return found


def agree(account: Account) -> None:
    """The next contact of each debtor is what the forecast says and the engine then does."""
    account = Account.objects.get(pk=account.pk)
    soonest: dict[Any, tuple[dt.datetime, str]] = {}
    foreseen = next_in_forecast(account)
    for invoice in Invoice.objects.filter(account=account):
        if invoice.invoice_number in foreseen and not foreseen[invoice.invoice_number][1]:
            moment = foreseen[invoice.invoice_number][0]
            if invoice.debtor_id not in soonest or moment < soonest[invoice.debtor_id][0]:
                soonest[invoice.debtor_id] = moment, invoice.invoice_number
    for debtor_id, (moment, _) in soonest.items():
        theirs = Invoice.objects.filter(debtor=debtor_id, next_contact_at__isnull=False)
        assert min(theirs.values_list("next_contact_at", flat=True)) == moment
        rows = Communication.objects.filter(debtor=debtor_id, status="scheduled", step__isnull=False)
        assert all(row.scheduled_for >= moment for row in rows)


def promise(invoice: Invoice) -> None:
    lifecycle.promise(invoice.account, invoice.pk, make.STAFF, dt.date(2026, 4, 10))


def hold(invoice: Invoice) -> None:
    lifecycle.change(invoice.account, invoice.pk, make.API, status="on_hold", hold_until=dt.date(2026, 4, 15))


def answer(invoice: Invoice) -> None:
    debtors.note_answer(invoice.account, invoice.debtor_id, make.STAFF)


def pay_part(invoice: Invoice) -> None:
    lifecycle.record_payment(invoice.account, invoice.pk, make.API, amount=Decimal(100))


def take_case(invoice: Invoice) -> None:
    cases.open_by_hand(invoice.account, invoice.pk, make.STAFF)
    cases.change(invoice.account, Escalation.objects.get().pk, make.STAFF, cases.CaseChange(status="acknowledged"))


def write(invoice: Invoice) -> None:
    """Write by hand, and see it leave."""
    asked = by_hand.Asked("manual", "email", "en", "A word", "Please call us about {{ invoice_number }}.")
    seen = by_hand.look(invoice.account, invoice.pk, make.STAFF, asked)
    key = make.uuid4()
    by_hand.send(invoice.account, invoice.pk, make.STAFF, asked, key=key, seal=seen.seal)
