"""What the ladder does when an invoice, a case or a debtor changes, in the transaction of the change."""

import datetime as dt
import uuid
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from communications import addresses, courtesies, ladder, policies
from communications.models import Medium
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.statements import Ahead
from invoices import escalations, timeline
from invoices.models import OPEN, Debtor, Escalation, Invoice, Promise, Resolution, Status
from invoices.signals import (
    change_begins,
    creation_begins,
    debtor_changed,
    escalation_resolved,
    facts_changed,
    invoice_changed,
    invoice_created,
    payment_undone,
    promise_made,
    promise_reopened,
)
from invoices.writing import Refused

_EMAIL = Medium.EMAIL.value


@receiver(post_save, sender=Account)
def begin(sender: object, instance: Account, created: bool, raw: bool = False, **_: Any) -> None:
    """An account has its default ladder from the first, by whichever way it is made."""
    if created and not raw:
        policies.make(instance, policies.DEFAULT_NAME, is_default=True)


@receiver(creation_begins)
def look_at(sender: object, account: Account, email: str, **_: Any) -> list[Ahead | None]:
    return [policies.asks(account), addresses.asks(account, _EMAIL, email)]


@receiver(change_begins)
def look_at_what_stands(sender: object, account: Account, invoice_id: uuid.UUID, **_: Any) -> list[Ahead | None]:
    return [policies.asks(account), ladder.asks(invoice_id)]


@receiver(facts_changed)
def follow(sender: object, invoice: Invoice, is_new: bool = False, **_: Any) -> None:
    if is_new:
        ladder.enter(invoice)
    else:
        ladder.replan(invoice)


@receiver(payment_undone)
def wait(sender: object, invoice: Invoice, **_: Any) -> None:
    """Let nothing go before somebody had a working day's morning to look at it."""
    place = ladder.place(invoice, ladder.rules_of(invoice.account))
    tomorrow = invoice.account.now().astimezone(place.zone).date() + dt.timedelta(days=1)
    invoice.not_before = place.next_opening(dt.datetime.combine(tomorrow, dt.time.min, place.zone).astimezone(dt.UTC))


@receiver(promise_made)
@receiver(promise_reopened)
def recall(sender: object, promise: Promise, **_: Any) -> None:
    courtesies.recall(promise)


@receiver(invoice_changed)
def thank(sender: object, invoice: Invoice, previous_status: str, **_: Any) -> None:
    if invoice.status == Status.PAID != previous_status:
        courtesies.thank(invoice)


@receiver(invoice_created)
def warn(sender: object, invoice: Invoice, **_: Any) -> None:
    chosen = addresses.choose(invoice, (channel for step in policies.steps_of(invoice) for channel in step.channels))
    if chosen.missing:
        timeline.note(invoice, "warning", CLOCK)


@receiver(escalation_resolved)
def go_on(sender: object, escalation: Escalation, **_: Any) -> None:
    """The invoice goes on by what was decided; a level 2 had stopped the debtor's other invoices too."""
    invoice = escalation.invoice
    if escalation.resolution == Resolution.LADDER and invoice.is_open:
        today = invoice.account.today()
        if ladder.next_step(invoice, policies.steps_of(invoice), today) is None:
            message = "Every step of the ladder is done: a hold, a promise or a write-off is needed."
            raise Refused("resolution", "ladder_ended", message)
    ladder.replan(invoice)
    if escalation.level == escalations.HIGHEST:
        _replan_all(invoice.debtor, but=invoice)


@receiver(debtor_changed)
def hear(sender: object, debtor: Debtor, **_: Any) -> None:
    _replan_all(debtor)


def _replan_all(debtor: Debtor, but: Invoice | None = None) -> None:
    """Under the debtor's lock."""
    invoices = Invoice.objects.filter(debtor=debtor, status__in=OPEN).select_for_update(no_key=True).order_by("id")
    for invoice in invoices:
        if but is None or invoice.pk != but.pk:
            invoice.account, invoice.debtor = (but or invoice).account, debtor
            ladder.replan(invoice)
