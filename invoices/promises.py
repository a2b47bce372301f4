"""Promises to pay. The caller holds the transaction and the invoice's lock."""

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

# A bank transfer may take this long.
GRACE_WORKING_DAYS = 2


def record(invoice: Invoice, actor: Actor, promised_on: dt.date, amount: Decimal, until: dt.date) -> Promise:
    """Record a promise. An open one is withdrawn. `until` is the last day of its hold."""
    Promise.objects.filter(invoice=invoice, status=PromiseStatus.OPEN).update(status=PromiseStatus.WITHDRAWN)
    after = {"promised_on": str(promised_on), "hold_until": str(until)}
    timeline.note(invoice, "promise", actor, after=after, amount=(amount, invoice.currency), day=promised_on)
    return Promise.objects.create(
        account_id=invoice.account_id,
        invoice=invoice,
        promised_on=promised_on,
        amount=amount,
        paid_before=invoice.amount_paid + invoice.amount_credited,
        hold_until=until,
    )


def latest(invoice: Invoice) -> Promise | None:
    """Return the newest promise that is open or kept."""
    return next(iter(_latest(invoice=invoice.pk)), None)


@compiled
def _latest(*, invoice: uuid.UUID) -> QuerySet[Promise]:
    promises = Promise.objects.filter(invoice=invoice, status__in=[PromiseStatus.OPEN, PromiseStatus.KEPT])
    return promises.order_by("-created_at", "-id")[:1]


def update(promise: Promise, invoice: Invoice, actor: Actor, *, is_undone: bool = False) -> None:
    """Update the `latest` promise after a change of its invoice.

    A promise is kept as soon as payments or credit notes cover it. If one was undone (`is_undone`) and the promise is
    no longer covered, it is open again during its grace period, and broken afterwards. No case is opened then, because
    the reversal opens one.
    """
    holds = promise.hold_until == invoice.hold_until
    if promise.status == PromiseStatus.KEPT:
        if is_undone and invoice.is_open and not is_covered(promise, invoice):
            _reopen(promise, invoice, actor, holds=holds)
    elif is_covered(promise, invoice):
        _set_status(promise, PromiseStatus.KEPT)
    elif invoice.is_open and holds:
        return
    elif not invoice.is_open or actor != CLOCK:
        _set_status(promise, PromiseStatus.WITHDRAWN)
    else:
        _break(promise, invoice, actor)
        escalations.open_case(invoice, Reason.PROMISE_BROKEN, actor)


def restore(invoice: Invoice) -> None:
    """Reopen the promise whose hold applies again after the closing of its invoice was undone."""
    if invoice.hold_until is None:
        return
    withdrawn = Promise.objects.filter(
        invoice=invoice, status=PromiseStatus.WITHDRAWN, hold_until=invoice.hold_until
    ).order_by("-created_at", "-id")
    if promise := withdrawn.first():
        _set_status(promise, PromiseStatus.OPEN)
        promise.invoice = invoice
        signals.promise_reopened.send(Promise, promise=promise)


def is_covered(promise: Promise, invoice: Invoice) -> bool:
    """Return True if the balance is 0, or the promised amount has been paid or credited since.

    Messages ask for the balance less credit, so that credit may cover a part of the promise.
    """
    if invoice.balance <= 0:
        return True
    paid = receipts.covered_since(invoice, promise.created_at)
    if paid >= promise.amount:
        return True
    credit = _usable_credit(invoice)
    return credit > 0 and paid >= invoice.amount - promise.paid_before - credit


def _usable_credit(invoice: Invoice) -> Decimal:
    """Return the debtor's credit that can cover a part of a promise, less the credit that other kept promises use.

    Return 0 if the debtor has several parties, because the credit may belong to another one.
    """
    credit = receipts.credit(invoice.debtor_id, invoice.currency)
    if credit <= 0 or len(debtor_parties.of(invoice.debtor)) > 1:
        return Decimal(0)
    kept = Promise.objects.filter(
        invoice__debtor=invoice.debtor_id,
        invoice__currency=invoice.currency,
        invoice__status__in=OPEN,
        status=PromiseStatus.KEPT,
    ).exclude(invoice=invoice.pk)
    return credit - sum((_covered_by_credit(promise) for promise in kept.select_related("invoice")), Decimal(0))


def _covered_by_credit(promise: Promise) -> Decimal:
    """Return the unpaid part of a kept promise, which credit covers."""
    invoice = promise.invoice
    return max(min(promise.amount - receipts.covered_since(invoice, promise.created_at), invoice.balance), Decimal(0))


def _reopen(promise: Promise, invoice: Invoice, actor: Actor, *, holds: bool) -> None:
    if holds:
        _set_status(promise, PromiseStatus.OPEN)
        promise.invoice = invoice
        signals.promise_reopened.send(Promise, promise=promise)
    elif invoice.account.today() <= promise.hold_until:  # a person has ended the hold
        _set_status(promise, PromiseStatus.WITHDRAWN)
    else:
        _break(promise, invoice, actor)


def _set_status(promise: Promise, status: PromiseStatus) -> None:
    promise.status = status
    promise.save(update_fields=["status"])


def _break(promise: Promise, invoice: Invoice, actor: Actor) -> None:
    _set_status(promise, PromiseStatus.BROKEN)
    amount = (promise.amount, invoice.currency)
    timeline.note(invoice, "promise_broken", actor, amount=amount, day=promise.promised_on)
    promise.invoice = invoice
    signals.promise_broken.send(Promise, promise=promise)
