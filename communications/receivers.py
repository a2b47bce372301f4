"""What the ladder does when an invoice, a case or a debtor changes, in the transaction of the change."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from communications.contacts import addresses
from communications.models import CollectionSettings
from communications.schedule import covering, ladder, optional, policies, replanning, standstill
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.sql import Batch
from invoices import timeline
from invoices.cases import escalations
from invoices.models import CalendarRule, Debtor, Escalation, Invoice, Promise, Resolution, Status
from invoices.signals import (
    debtor_changed,
    escalation_created,
    escalation_resolved,
    facts_changed,
    invoice_changed,
    invoice_created,
    next_contact_shown,
    payment_recorded,
    payment_undone,
    promise_made,
    promise_reopened,
)
from invoices.writing import Refused


@receiver(post_save, sender=Account)
def begin(sender: object, instance: Account, created: bool, raw: bool = False, **_: Any) -> None:
    """An account has its default ladder from the first, by whichever way it is made."""
    if created and not raw:
        policies.make(instance, policies.DEFAULT_NAME, is_default=True)


@receiver(facts_changed)
def follow(sender: object, invoice: Invoice, batch: Batch, is_new: bool = False, **_: Any) -> None:
    if is_new:
        ladder.enter(invoice, batch)
    else:
        ladder.replan(invoice, batch=batch)


@receiver(payment_undone)
def wait(sender: object, invoice: Invoice, **_: Any) -> None:
    """Let nothing go before somebody had a working day's morning to look at it."""
    place = ladder.place(invoice, ladder.rules_of(invoice.account))
    tomorrow = invoice.account.now().astimezone(place.zone).date() + dt.timedelta(days=1)
    invoice.not_before = place.next_opening(dt.datetime.combine(tomorrow, dt.time.min, place.zone).astimezone(dt.UTC))


@receiver(promise_made)
@receiver(promise_reopened)
def recall(sender: object, promise: Promise, **_: Any) -> None:
    optional.recall(promise)


@receiver(invoice_changed)
def thank(sender: object, invoice: Invoice, previous_status: str, **_: Any) -> None:
    if invoice.status == Status.PAID != previous_status:
        optional.thank(invoice)


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
        replanning.replan_debtor(invoice.account, invoice.debtor, but={invoice.pk})


@receiver(escalation_created)
def stop(sender: object, escalation: Escalation, **_: Any) -> None:
    """A level 2 stops the messages about all of the debtor's invoices."""
    invoice = escalation.invoice
    if escalation.level == escalations.HIGHEST:
        ladder.replan(invoice)
        replanning.replan_debtor(invoice.account, invoice.debtor, but={invoice.pk})


@receiver(payment_recorded)
def count_contact(sender: object, invoice: Invoice, **_: Any) -> None:
    """A payment is a contact and may leave credit; taken back, it is neither."""
    replanning.contacts_changed(invoice.account, invoice.debtor, but={invoice.pk})


_OF_ACCOUNT = {"time_zone", "country", "subdivision", "weekend"}
_OF_SETTINGS = {"opens_at", "closes_at", "hours_between", "most_in_7_days"}


@receiver(post_save, sender=Account)
def move_account(sender: object, instance: Account, created: bool, raw: bool = False, **more: Any) -> None:
    fields = more.get("update_fields")
    if not created and not raw and (fields is None or _OF_ACCOUNT & set(fields)):
        replanning.request([instance.pk])


@receiver(post_save, sender=CollectionSettings)
def change_settings(sender: object, instance: CollectionSettings, raw: bool = False, **more: Any) -> None:
    fields = more.get("update_fields")
    if not raw and (fields is None or _OF_SETTINGS & set(fields)):
        replanning.request([instance.account_id])


@receiver([post_save, post_delete], sender=CalendarRule)
def change_calendar(sender: object, instance: CalendarRule, raw: bool = False, **_: Any) -> None:
    """A row of everybody's concerns all accounts."""
    if not raw:
        everybody = Account.objects.values_list("pk", flat=True)
        replanning.request([instance.account_id] if instance.account_id else everybody)


@receiver(next_contact_shown)
def lay_over(sender: object, account: Account, **_: Any) -> Callable[[uuid.UUID], bool] | None:
    return standstill.stopper(account)


@receiver(debtor_changed)
def hear(sender: object, debtor: Debtor, **_: Any) -> None:
    covering.close_cases(debtor)
    replanning.replan_debtor(debtor.account, debtor)
    addresses.follow_corrections(debtor)
