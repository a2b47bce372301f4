"""Promises to pay: what a debtor said, and whether it was kept."""

import datetime as dt
import uuid
from decimal import Decimal

from django.db.models import QuerySet

from inflow.accounts.actors import CLOCK, Actor
from inflow.statements import Ahead, Compiled
from invoices import escalations, signals, timeline
from invoices.models import Invoice, Promise, PromiseStatus, Reason, Status

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


@Compiled
def _open(*, invoice: uuid.UUID) -> QuerySet[Promise]:
    return Promise.objects.filter(invoice=invoice, status=PromiseStatus.OPEN)


def asks(invoice_id: uuid.UUID) -> Ahead | None:
    """What `follow` will ask."""
    return _open.ahead(invoice=invoice_id)


def follow(invoice: Invoice, actor: Actor) -> None:
    """What the change of an invoice that was on hold means for its promise, in that change's transaction."""
    promise = next(iter(_open(invoice=invoice.pk)), None)
    if promise is None or promise.hold_until == invoice.hold_until:
        return
    if invoice.status == Status.PAID:
        promise.status = PromiseStatus.KEPT
    elif not invoice.is_open or actor != CLOCK:
        promise.status = PromiseStatus.WITHDRAWN
    elif invoice.amount_paid - promise.paid_before >= promise.amount:
        promise.status = PromiseStatus.KEPT
    else:
        promise.status = PromiseStatus.BROKEN
    promise.save(update_fields=["status"])
    if promise.status == PromiseStatus.BROKEN:
        amount = (promise.amount, invoice.currency)
        timeline.note(invoice, "promise_broken", actor, amount=amount, day=promise.promised_on)
        promise.invoice = invoice
        signals.promise_broken.send(Promise, promise=promise)
        escalations.open_case(invoice, Reason.PROMISE_BROKEN, actor)
