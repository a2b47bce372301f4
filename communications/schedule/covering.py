"""Unapplied credit that covers everything a party owes.

Reminders are paused. After a week a case asks staff to apply the credit. The case ends when no credit is left.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cached_property

from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from invoices import ledger, money
from invoices.cases import escalations
from invoices.debtors import receivables
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import CaseStatus, Debtor, Escalation, Invoice, Reason, Resolution, TimelineEntry

# A case is opened when the credit has covered the due amount for this long.
CASE_AFTER = dt.timedelta(days=7)
# Time until a new case is opened if the credit is still unapplied after the last case was resolved.
NEW_CASE_AFTER = dt.timedelta(days=30)
_IMMEDIATELY = dt.timedelta(minutes=1)


class Coverage:
    """Credit of a party that covers everything that it owes in one currency, since when, and the case about it."""

    def __init__(self, account: Account, party: DebtorParty, invoices: Iterable[Invoice], currency: str) -> None:
        self._account, self._party, self._invoices, self._currency = account, party, invoices, currency

    @cached_property
    def _since(self) -> dt.datetime:
        return _covered_since(self._account, self._party, self._invoices, self._currency)

    @cached_property
    def _has_case(self) -> bool:
        return _has_case(self._party, self._since, self._account.now())

    def next_check_at(self, moment: dt.datetime) -> dt.datetime:
        """Return the time at which a message held back at `moment` is checked again: when a case is due. In UTC."""
        if self._since + CASE_AFTER > moment:
            return self._since + CASE_AFTER
        return moment + (CASE_AFTER if self._has_case else _IMMEDIATELY)


def open_case_when_due(
    account: Account, party: DebtorParty, invoices: Iterable[Invoice], currency: str, credit: Mapping[str, Decimal]
) -> bool:
    """Open a case if the credit has covered the due amount for long enough. Return True if a case was opened.

    The caller holds the locks of the debtor and of the party's open `invoices`.
    """
    now, since = account.now(), _covered_since(account, party, invoices, currency)
    if now < since + CASE_AFTER or _has_case(party, since, now):
        return False
    payable = [
        invoice
        for invoice in invoices
        if invoice.is_open and not invoice.is_wholly_disputed and invoice.currency == currency
    ]
    oldest = min(payable, key=lambda invoice: (invoice.due_date, invoice.issue_date, invoice.invoice_number))
    notes = f"{money.display(credit[currency], currency)} of unapplied credit covers the amount due. Apply it."
    escalations.open_case(oldest, Reason.UNAPPLIED_CREDIT, CLOCK, notes=notes)
    return True


def close_cases(debtor: Debtor) -> None:
    """Close the cases whose credit has been applied or undone. The caller holds the debtor's lock."""
    cases = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNAPPLIED_CREDIT)
    for case in cases.exclude(status=CaseStatus.RESOLVED).select_related("invoice").order_by("opened_at", "id"):
        invoice = Invoice.objects.select_for_update(no_key=True).get(pk=case.invoice_id)
        invoice.account, invoice.debtor = debtor.account, debtor
        if not ledger.credit_for(invoice).get(invoice.currency):
            case.invoice = invoice
            escalations.close(case, Resolution.CREDIT_USED, CLOCK)


def _covered_since(account: Account, party: DebtorParty, invoices: Iterable[Invoice], currency: str) -> dt.datetime:
    """Return the start of the coverage: arrival of the credit or start of the oldest overdue, whichever is later."""
    now, today = account.now(), account.today()
    overdue = [
        max(_day_after(account, invoice.due_date), invoice.entered_at or invoice.created_at)
        for invoice in invoices
        if invoice.currency == currency and receivables.is_overdue(invoice, today)
    ]
    return min(now, max(min(overdue, default=now), ledger.credited_at(party) or now))


def _day_after(account: Account, day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, account.zone).astimezone(dt.UTC)


def _has_case(party: DebtorParty, since: dt.datetime, now: dt.datetime) -> bool:
    """Return True if a case about this credit is open, was resolved recently, or was merged into an open case."""
    cases = Escalation.objects.filter(invoice__in=party.invoices, reason=Reason.UNAPPLIED_CREDIT)
    if cases.exclude(status=CaseStatus.RESOLVED).exists():
        return True
    if cases.filter(opened_at__gte=since, resolved_at__gte=now - NEW_CASE_AFTER).exists():
        return True
    joined = TimelineEntry.objects.filter(
        invoice__in=party.invoices,
        invoice__escalation_level__gt=0,
        kind="escalation_joined",
        params__case=Reason.UNAPPLIED_CREDIT.value,
        at__gte=since,
    )
    return joined.exists()
