"""Promises to pay: what a debtor said, and whether it was kept."""

import datetime as dt
import uuid
from decimal import Decimal

from django.db.models import QuerySet

from inflow.accounts.actors import CLOCK, Actor
from inflow.sql import compiled
from invoices import receipts, signals, timeline
from invoices.cases import escalations
from invoices.debtors import debtor_parties
from invoices.models import OPEN, Invoice, Promise, PromiseStatus, Reason

# The money may take a bank as long as this.
GRACE_WORKING_DAYS = 2


def make(invoice: Invoice, actor: Actor, promised_on: dt.date, amount: Decimal, until: dt.date) -> Promise:
    """Keep the promise, in the caller's transaction and under the invoice's lock; an earlier one is replaced."""
    Promise.objects.filter(invoice=invoice, status=PromiseStatus.OPEN).update(status=PromiseStatus.WITHDRAWN)
    after = {"promised_on": str(promised_on), "hold_until": str(until)}
    timeline.note(invoice, "promise", actor, after=after, amount=(amount, invoice.currency), day=promised_on)
    return Promise.objects.create(
        account_id=invoice.account_id,
        invoice=invoice,
        promised_on=promised_on,
        amount=amount,
        paid_before=invoice.amount_paid,
        hold_until=until,
    )


def latest(invoice: Invoice) -> Promise | None:
    """Return the promise that a change of the invoice may decide on: the newest that is open or kept."""
    return next(iter(_latest(invoice=invoice.pk)), None)


@compiled
def _latest(*, invoice: uuid.UUID) -> QuerySet[Promise]:
    promises = Promise.objects.filter(invoice=invoice, status__in=[PromiseStatus.OPEN, PromiseStatus.KEPT])
    return promises.order_by("-created_at", "-id")[:1]


def follow(promise: Promise, invoice: Invoice, actor: Actor, *, is_undone: bool = False) -> None:
    """Decide what the change of an invoice means for its `latest` promise, in that change's transaction.

    A promise is kept as soon as the ledger covers it. `is_undone`: money was taken back; a promise that it covered is
    open again while its grace lasts, and broken afterwards. That opens no case: a reversal has one of its own.
    """
    holds = promise.hold_until == invoice.hold_until
    if promise.status == PromiseStatus.KEPT:
        if is_undone and invoice.is_open and not is_covered(promise, invoice):
            _reopen(promise, invoice, actor, holds=holds)
    elif is_covered(promise, invoice):
        _become(promise, PromiseStatus.KEPT)
    elif invoice.is_open and holds:
        return
    elif not invoice.is_open or actor != CLOCK:
        _become(promise, PromiseStatus.WITHDRAWN)
    else:
        _break(promise, invoice, actor)
        escalations.open_case(invoice, Reason.PROMISE_BROKEN, actor)


def is_covered(promise: Promise, invoice: Invoice) -> bool:
    """Return True if nothing is owed any more, or the promised amount came in since.

    What a debtor is asked for is net of credit, so whoever promised all of it has to pay no more than that.
    """
    if invoice.balance <= 0:
        return True
    paid = receipts.paid_since(invoice, promise.created_at)
    if paid >= promise.amount:
        return True
    credit = _usable_credit(invoice)
    return credit > 0 and paid >= invoice.amount - promise.paid_before - credit


def _usable_credit(invoice: Invoice) -> Decimal:
    """Return the debtor's credit that may stand in for a part of what was promised, less the credit with which promises
    for other invoices are kept. None if the debtor has several parties: their money is not told apart."""
    credit = receipts.credit(invoice.debtor_id, invoice.currency)
    if credit <= 0 or len(debtor_parties.of(invoice.debtor)) > 1:
        return Decimal(0)
    kept = Promise.objects.filter(
        invoice__debtor=invoice.debtor_id,
        invoice__currency=invoice.currency,
        invoice__status__in=OPEN,
        status=PromiseStatus.KEPT,
    ).exclude(invoice=invoice.pk)
    return credit - sum((_missing(promise) for promise in kept.select_related("invoice")), Decimal(0))


def _missing(promise: Promise) -> Decimal:
    """Return what of a promise was not paid yet, but is kept by credit."""
    invoice = promise.invoice
    return max(min(promise.amount - receipts.paid_since(invoice, promise.created_at), invoice.balance), Decimal(0))


def _reopen(promise: Promise, invoice: Invoice, actor: Actor, *, holds: bool) -> None:
    if holds:
        _become(promise, PromiseStatus.OPEN)
        promise.invoice = invoice
        signals.promise_reopened.send(Promise, promise=promise)
    elif invoice.account.today() <= promise.hold_until:  # somebody has ended the hold meanwhile
        _become(promise, PromiseStatus.WITHDRAWN)
    else:
        _break(promise, invoice, actor)


def _become(promise: Promise, status: PromiseStatus) -> None:
    promise.status = status
    promise.save(update_fields=["status"])


def _break(promise: Promise, invoice: Invoice, actor: Actor) -> None:
    _become(promise, PromiseStatus.BROKEN)
    amount = (promise.amount, invoice.currency)
    timeline.note(invoice, "promise_broken", actor, amount=amount, day=promise.promised_on)
    promise.invoice = invoice
    signals.promise_broken.send(Promise, promise=promise)
