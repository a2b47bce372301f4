"""Credit that covers all that a debtor owes: reminders wait, and after a week a person is asked to apply the credit."""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal

from communications import ladder
from inflow.accounts.actors import CLOCK
from invoices import escalations, ledger, money, receivables
from invoices.models import CaseStatus, Debtor, Escalation, Invoice, Reason, Status, TimelineEntry

# The name of this reason for holding a message back, in `Communication.waits_for`.
WAITS_FOR = "credit"
# A person is asked once the credit has covered what is due for so long.
ASKS_AFTER = dt.timedelta(days=7)
# After the case was resolved and the credit still is not applied, a person is asked again.
ASKS_AGAIN_AFTER = dt.timedelta(days=30)
_DAY = dt.timedelta(days=1)


def found(
    debtor: Debtor, invoices: Iterable[Invoice], currencies: set[str], credit: Mapping[str, Decimal]
) -> dt.datetime:
    """Ask a person if the credit has covered what is due in these currencies for long enough, once. Return when to look
    again. Under the locks of the debtor and of its open `invoices`."""
    now, since = debtor.account.now(), covers_since(debtor, invoices, currencies)
    if now < since + ASKS_AFTER:
        return since + ASKS_AFTER
    if not _is_asked(debtor, since, now):
        _ask(invoices, currencies, credit)
    return now + ASKS_AFTER


def covers_since(debtor: Debtor, invoices: Iterable[Invoice], currencies: set[str]) -> dt.datetime:
    """Return since when the credit covers what is overdue: since it came, or since the oldest invoice is overdue."""
    account = debtor.account
    now, today = account.now(), account.today()
    overdue = [
        max(ladder.beginning(account, invoice.due_date + _DAY), invoice.entered_at or invoice.created_at)
        for invoice in invoices
        if invoice.currency in currencies and receivables.is_overdue(invoice, today)
    ]
    return min(now, max(min(overdue, default=now), ledger.credited_at(debtor.pk) or now))


def _is_asked(debtor: Debtor, since: dt.datetime, now: dt.datetime) -> bool:
    """Return whether a case about this credit is open or was resolved lately, or the question joined an open case."""
    cases = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNAPPLIED_CREDIT)
    if cases.exclude(status=CaseStatus.RESOLVED).exists():
        return True
    if cases.filter(opened_at__gte=since, resolved_at__gte=now - ASKS_AGAIN_AFTER).exists():
        return True
    joined = TimelineEntry.objects.filter(
        invoice__debtor=debtor,
        invoice__escalation_level__gt=0,
        kind="escalation_joined",
        params__case=Reason.UNAPPLIED_CREDIT.value,
        at__gte=since,
    )
    return joined.exists()


def _ask(invoices: Iterable[Invoice], currencies: set[str], credit: Mapping[str, Decimal]) -> None:
    """Open a case on the oldest invoice that the credit could pay."""
    payable = [
        invoice
        for invoice in invoices
        if invoice.is_open and invoice.status != Status.DISPUTED and invoice.currency in currencies
    ]
    oldest = min(payable, key=lambda invoice: (invoice.due_date, invoice.created_at, invoice.invoice_number))
    amount = money.display(credit[oldest.currency], oldest.currency)
    escalations.open_case(
        oldest,
        Reason.UNAPPLIED_CREDIT,
        CLOCK,
        notes=f"{amount} of unapplied credit covers what is due. Apply it, or say what it is for.",
    )
