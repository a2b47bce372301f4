"""Monthly statements of account: planned once for each debtor, party and month.

They are emails about everything that is open. They pass the same gate as reminders and count as contacts.
"""

import datetime as dt
import uuid
from collections.abc import Callable

from communications.contacts import addresses
from communications.models import PENDING, CollectionSettings, Communication, Kind, Medium, MonthlyStatement
from communications.schedule import holding, ladder
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.restores import walltime
from inflow.sql import account_scope
from invoices import timeline
from invoices.debtors import debtor_parties, receivables
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import OPEN, Debtor, Invoice


def next_at(account: Account, day: int | None, after: dt.datetime) -> dt.datetime | None:
    """Return the beginning of the first such day of a month after a time, or None without a day. In UTC."""
    if day is None:
        return None
    today = after.astimezone(account.zone).date()
    first = today.replace(day=day)
    if holding.beginning(account, first) <= after:
        first = (today.replace(day=1) + dt.timedelta(days=32)).replace(day=day)
    return holding.beginning(account, first)


def choose_day(settings: CollectionSettings, day: int | None) -> None:
    """Set the day of the month on which statements are sent, beginning with the next such day."""
    settings.statement_day = day
    settings.next_statements_at = next_at(settings.account, day, settings.account.now())
    settings.save(update_fields=["statement_day", "next_statements_at"])


def plan_due(now: dt.datetime, account: Account | None = None, *, watch: Callable[[], None] = lambda: None) -> int:
    """Plan the statements that are due: of `account`, or of all accounts without their own clock. Return their number.

    Each debtor is one transaction. If it is interrupted or runs twice, no statement is planned twice.
    """
    if account is None and not walltime.is_right():
        return 0
    due = CollectionSettings.objects.filter(next_statements_at__lte=now).select_related("account")
    due = due.filter(account=account) if account else due.filter(account__clock=None)
    planned = 0
    for settings in due.order_by("next_statements_at", "pk"):
        owner, moment = account or settings.account, settings.next_statements_at
        assert moment is not None
        month = moment.astimezone(owner.zone).date().replace(day=1)
        for debtor_id in _debtors(owner):
            watch()
            planned += _plan_debtor(owner, debtor_id, month)
        later = next_at(owner, settings.statement_day, max(moment, now))
        CollectionSettings.objects.filter(pk=settings.pk, next_statements_at=moment).update(next_statements_at=later)
    return planned


def _debtors(account: Account) -> list[uuid.UUID]:
    open_ones = Invoice.objects.for_account(account).filter(status__in=OPEN)
    debtors = Debtor.objects.for_account(account).filter(pk__in=open_ones.values("debtor_id"))
    return list(debtors.filter(never_chase=False, opted_out_at=None).order_by("pk").values_list("pk", flat=True))


def _plan_debtor(account: Account, debtor_id: uuid.UUID, month: dt.date) -> int:
    with account_scope(account):
        debtor = Debtor.objects.select_for_update(no_key=True).get(pk=debtor_id)
        debtor.account = account
        return sum(_plan_party(party, month) for party in debtor_parties.of(debtor))


def _plan_party(party: DebtorParty, month: dt.date) -> bool:
    """Plan the statement of a party for a month, unless that was done or nothing is open."""
    debtor = party.debtor
    invoice = about(party)
    if invoice is None:
        return False
    chosen = addresses.choose(invoice, [Medium.EMAIL], kind=Kind.STATEMENT)
    planned = Communication.objects.filter(debtor=debtor, kind=Kind.STATEMENT, status__in=PENDING)
    key = min(party.keys)
    if chosen.missing or planned.filter(invoice__in=party.invoices).exists():
        return False
    # Its key may have been another one when less was known of its spellings.
    if MonthlyStatement.objects.filter(debtor=debtor, party__in=party.keys, month=month).exists():
        return False
    MonthlyStatement.objects.bulk_create(
        [MonthlyStatement(account=debtor.account, debtor=debtor, party=key, month=month)]
    )
    now = debtor.account.now()
    row = Communication(
        account=debtor.account,
        debtor=debtor,
        invoice=invoice,
        round=invoice.round,
        kind=Kind.STATEMENT,
        channel=chosen.channel,
        recipient=chosen.address,
        language=debtor.language or invoice.language,
        not_before=now,
    )
    facts = ladder.facts_of(invoice)
    verdict = holding.first_allowed(facts, invoice, row, now)
    row.scheduled_for, row.waits_for = verdict.moment, verdict.reason
    row.save(force_insert=True)
    zone = facts.place(invoice).zone.key
    timeline.note(invoice, "planned", CLOCK, message=row.kind, moment=row.scheduled_for, zone=zone)
    return True


def about(party: DebtorParty) -> Invoice | None:
    """Return the open invoice that a statement is filed under: the oldest, if possible one without a dispute."""
    rows = party.invoices.open().order_by("due_date", "invoice_number")
    invoice = rows.exclude(receivables.WHOLLY_DISPUTED).first() or rows.first()
    if invoice:
        invoice.account, invoice.debtor = party.debtor.account, party.debtor
    return invoice
