"""Credit that covers all that a debtor owes: reminders wait, and after a week a person is asked to apply the credit."""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal

from django.db.models import QuerySet

from communications import demand, ladder
from communications.models import Communication, Kind, State
from inflow.accounts.actors import CLOCK
from invoices import escalations, ledger, lifecycle, money, receivables, timeline
from invoices.models import OPEN, CaseStatus, Debtor, Escalation, Invoice, Reason, Status, TimelineEntry

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
    """Note that the credit covers what is due in these currencies, and ask a person if it has for long enough. Return
    when to look again. Under the locks of the debtor and of its open `invoices`."""
    now = debtor.account.now()
    since = debtor.credit_covers_since
    if since is None:
        since = _began(debtor, invoices, currencies)
        _note(debtor, since)
    if now < since + ASKS_AFTER:
        return since + ASKS_AFTER  # the next look
    if not _is_asked(debtor, since, now):
        _ask(invoices, currencies, credit)
    return now + ASKS_AFTER


def begin(debtor: Debtor) -> None:
    """Note that new credit covers what is overdue, and let the planned messages wait. Under the debtor's lock."""
    account, credit = debtor.account, ledger.credit_of([debtor.pk]).get(debtor.pk, {})
    now, today = account.now(), account.today()
    locked = Invoice.objects.filter(debtor=debtor, status__in=OPEN).select_for_update(no_key=True).order_by("id")
    invoices = {invoice.pk: invoice for invoice in locked}
    standing = receivables.positions(invoices.values(), credit, today).values()
    if not any(position.credit >= position.overdue > 0 for position in standing):
        return
    if debtor.credit_covers_since is None:
        _note(debtor, now)
    until = now + ASKS_AFTER
    planned = Communication.objects.filter(debtor=debtor, status=State.SCHEDULED, scheduled_for__lt=until, waits_for="")
    for row in planned.exclude(kind=Kind.THANK_YOU).filter(invoice__in=invoices).order_by("id"):
        row.account, row.invoice = account, invoices[row.invoice_id]
        row.invoice.account, row.invoice.debtor = account, debtor
        if demand.covered([row], invoices.values(), credit, today):
            row.scheduled_for, row.waits_for = ladder.allowed_from(row.invoice, until), WAITS_FOR
            row.save(update_fields=["scheduled_for", "waits_for"])
            if row.step is not None:
                lifecycle.stand(row.invoice, next_contact_at=row.scheduled_for)
            _note_postponed(row)


def _note_postponed(row: Communication) -> None:
    place = ladder.place(row.invoice, ladder.rules_of(row.account))
    timeline.note(
        row.invoice,
        "postponed",
        CLOCK,
        after={"waits_for": WAITS_FOR},
        message=row.kind,
        because=WAITS_FOR,
        moment=row.scheduled_for,
        zone=place.zone.key,
    )


def not_found(debtor: Debtor) -> None:
    """Note that a message may go: the credit does not cover what is due, unless others still wait for it."""
    if debtor.credit_covers_since is not None and not _waiting(debtor):
        _note(debtor, None)


def follow(debtor: Debtor) -> None:
    """Look again after money moved: begin anew if the credit no longer covers what is overdue."""
    if debtor.credit_covers_since is None:
        return
    invoices = Invoice.objects.filter(debtor=debtor, status__in=OPEN)
    credit = ledger.credit_of([debtor.pk]).get(debtor.pk, {})
    standing = receivables.positions(invoices, credit, debtor.account.today()).values()
    if not any(position.credit >= position.overdue > 0 for position in standing):
        _note(debtor, None)


def waiting_invoices(debtor: Debtor) -> list[Invoice]:
    """Return the debtor's open invoices whose planned message waits for the credit to be applied, locked."""
    waiting = _waiting(debtor).values("invoice_id")
    invoices = Invoice.objects.filter(debtor=debtor, status__in=OPEN, pk__in=waiting)
    return list(invoices.select_for_update(no_key=True).order_by("id"))


def _waiting(debtor: Debtor) -> QuerySet[Communication]:
    return Communication.objects.filter(debtor=debtor, status=State.SCHEDULED, waits_for=WAITS_FOR)


def _began(debtor: Debtor, invoices: Iterable[Invoice], currencies: set[str]) -> dt.datetime:
    """Return since when the credit covers what is overdue: since the credit came, or the oldest invoice was overdue."""
    account = debtor.account
    now, today = account.now(), account.today()
    overdue = [
        max(ladder.beginning(account, invoice.due_date + _DAY), invoice.entered_at or invoice.created_at)
        for invoice in invoices
        if invoice.currency in currencies and receivables.is_overdue(invoice, today)
    ]
    return min(now, max(min(overdue, default=now), ledger.credited_at(debtor.pk) or now))


def _note(debtor: Debtor, since: dt.datetime | None) -> None:
    debtor.credit_covers_since = since
    debtor.save(update_fields=["credit_covers_since"])


def _is_asked(debtor: Debtor, since: dt.datetime, now: dt.datetime) -> bool:
    """Return whether a case about it is open, or was resolved lately, or joined one that is open."""
    cases = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNAPPLIED_CREDIT, opened_at__gte=since)
    if cases.exclude(status=CaseStatus.RESOLVED, resolved_at__lt=now - ASKS_AGAIN_AFTER).exists():
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
