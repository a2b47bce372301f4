"""Rescheduling of all planned messages of a debtor, in the transaction in which a fact of the debtor changes.

A reply, a payment, a sent message, or a level 2 escalation of one invoice affects the messages about all of them. The
facts are read once for the debtor, not once for each invoice.

New hours, limits and calendars affect a whole account. They are recorded, and a worker reschedules the messages debtor
by debtor.
"""

import datetime as dt
import operator
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from communications.models import PENDING, Communication, Rescheduling
from communications.schedule import ladder, limits, ordering
from communications.schedule.facts import Facts
from inflow.accounts.models import Account
from inflow.restores import walltime
from inflow.sql import Batch, compiled
from invoices.models import OPEN, Debtor, DebtorIdentity, Invoice


def replan_debtor(
    account: Account, debtor: Debtor, *, exclude: Collection[uuid.UUID] = (), before: dt.datetime | None = None
) -> None:
    """Reschedule the messages about the debtor's invoices. The caller holds the debtor's lock.

    The invoices in `exclude` are left to the caller. With `before`, skip invoices whose next contact is later.
    """
    locked = _concerned(debtor=debtor.pk, before=before, exclude=sorted(exclude))
    if not locked:
        return
    planned: dict[uuid.UUID, list[Communication]] = {}
    for row in _planned(debtor=debtor.pk):
        planned.setdefault(row.invoice_id, []).append(row)
    batch, facts = Batch(), Facts(account, debtor, ladder.rules_of(account))
    for invoice in sorted(locked, key=operator.attrgetter(*ordering.IN_ORDER)):
        invoice.account, invoice.debtor = account, debtor
        rows, level = planned.get(invoice.pk, []), invoice.escalation_level
        for row in rows:
            row.invoice = invoice
        ladder.replan(invoice, rows, facts, batch=batch)
        if invoice.escalation_level != level:
            facts = Facts(account, debtor, facts.rules)
    batch.flush()


@compiled
def _concerned(*, debtor: uuid.UUID, before: dt.datetime | None, exclude: Sequence[uuid.UUID]) -> QuerySet[Invoice]:
    """Lock the debtor's open invoices that are due before a time, if given, and those with a planned message."""
    due = Q(status__in=OPEN) if before is None else Q(status__in=OPEN, next_contact_at__lt=before)
    planned = Communication.objects.filter(debtor=debtor, status__in=PENDING).order_by().values("invoice")
    concerned = Invoice.objects.filter(due | Q(pk__in=planned), debtor=debtor).exclude(pk__in=exclude)
    return concerned.select_for_update(no_key=True).order_by("id")


@compiled
def _planned(*, debtor: uuid.UUID) -> QuerySet[Communication]:
    """Return what is planned for the debtor's invoices, also what is being sent to one whom an invoice has left."""
    return Communication.objects.filter(invoice__debtor=debtor, status__in=PENDING).order_by("kind", "try_number")


def contacts_changed(account: Account, debtor: Debtor, *, exclude: Collection[uuid.UUID] = ()) -> None:
    """Reschedule the debtor's messages after the number of contacts has changed."""
    until = account.now() + limits.reach(ladder.rules_of(account))
    replan_debtor(account, debtor, exclude=exclude, before=until)


def address_contacted(account: Account, debtor: Debtor, address: str) -> None:
    """Reschedule the messages of the other debtors with an address that one person reads.

    Debtors that another transaction has locked are skipped, because a second lock out of order could deadlock. The gate
    checks the limits of the address again.
    """
    kind = "email" if "@" in address else "phone"
    known = DebtorIdentity.objects.for_account(account).filter(**{kind: address}).order_by().values("debtor")
    others = Debtor.objects.filter(pk__in=known).exclude(pk=debtor.pk)
    for other in others.select_for_update(no_key=True, skip_locked=True).order_by("id"):
        contacts_changed(account, other)


# --- A whole account ---------------------------------------------------------------------------------------------


def request(accounts: Iterable[uuid.UUID]) -> None:
    """Request rescheduling of these accounts, in the transaction of the change."""
    now = timezone.now()
    Rescheduling.objects.bulk_create(
        (Rescheduling(account_id=account, requested_at=now) for account in accounts),
        update_conflicts=True,
        unique_fields=["account"],
        update_fields=["requested_at", "after"],
    )


def run_requested(account: Account | None = None, *, watch: Callable[[], None] = lambda: None) -> int:
    """Reschedule the requested accounts: `account`, or all accounts without their own clock. Return their number.

    Requests that arrive meanwhile are kept. `watch` is called before each debtor and may raise to abort; the next run
    continues there.
    """
    if account is None and not walltime.is_right():
        return 0
    requests = Rescheduling.objects.select_related("account")
    requests = requests.filter(account=account) if account else requests.filter(account__clock=None)
    found = list(requests.order_by("requested_at"))
    for each in found:
        replan_account(account or each.account, each, watch=watch)
        Rescheduling.objects.filter(account=each.account_id, requested_at=each.requested_at).delete()
    return len(found)


def replan_account(
    account: Account, request: Rescheduling | None = None, *, watch: Callable[[], None] = lambda: None
) -> None:
    """Reschedule the planned messages of each debtor of the account, in one transaction per debtor.

    `request` stores the progress.
    """
    open_ones = Invoice.objects.for_account(account).filter(status__in=OPEN, is_chased=True)
    planned = Communication.objects.for_account(account).filter(status__in=PENDING)
    concerned = Q(pk__in=open_ones.values("debtor_id")) | Q(pk__in=planned.values("debtor_id"))
    debtors = Debtor.objects.filter(concerned, account=account)
    if request and request.after:
        debtors = debtors.filter(pk__gt=request.after)
    for debtor_id in list(debtors.order_by("pk").values_list("pk", flat=True)):
        watch()
        with transaction.atomic():
            debtor = Debtor.objects.select_for_update(no_key=True).get(pk=debtor_id)
            replan_debtor(account, debtor)
            if request:
                same = Rescheduling.objects.filter(account=account, requested_at=request.requested_at)
                same.update(after=debtor_id)
