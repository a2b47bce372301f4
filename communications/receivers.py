"""Signal receivers that update the planned messages when an invoice, a case or a debtor changes.

They run in the transaction of the change.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib.postgres.functions import RandomUUID
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils.translation import gettext as _

from communications.contacts import addresses
from communications.delivery import manual, safeguards
from communications.models import (
    CallLog,
    CallTask,
    CollectionSettings,
    Communication,
    MinimumBalance,
    PolicyRule,
    State,
)
from communications.schedule import arrivals, covering, ladder, limits, optional, policies, replanning, standstill
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import Batch
from invoices import disputes
from invoices.cases import escalations
from invoices.debtors import parties, receivables
from invoices.models import (
    OPEN,
    CalendarRule,
    Debtor,
    Dispute,
    Escalation,
    Invoice,
    Payment,
    PaymentStatus,
    Promise,
    Resolution,
    Status,
)
from invoices.signals import (
    debtor_changed,
    dispute_opened,
    dispute_revised,
    escalation_created,
    escalation_resolved,
    facts_changed,
    invoice_amended,
    invoice_changed,
    invoices_arriving,
    invoices_moved,
    next_contact_shown,
    payment_recorded,
    payment_undone,
    payments_synced,
    promise_made,
    promise_reopened,
)
from invoices.writing import Refused


@receiver(post_save, sender=Account)
def create_default_policy(sender: object, instance: Account, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Create the default reminder policy of a new account, and its reasons for disputes."""
    if created and not raw:
        policies.create(instance, policies.DEFAULT_NAME, is_default=True)
        disputes.create_default_reasons(instance)


@receiver(facts_changed)
def follow(sender: object, invoice: Invoice, batch: Batch, **kwargs: Any) -> None:
    ladder.replan(invoice, batch=batch)


@receiver(invoices_arriving)
def schedule_arrivals(
    sender: object, account: Account, invoices: Sequence[Invoice], batch: Batch, **kwargs: Any
) -> Callable[[Invoice], None]:
    return arrivals.Arrivals(account, invoices, batch).enter


@receiver(invoices_moved)
def move_planned_messages(
    sender: object, invoices: Sequence[Invoice], previous: Debtor | None, debtor: Debtor, **kwargs: Any
) -> None:
    """Let planned messages and calls follow their invoices to the new debtor, whose limits count what its recipients
    were sent before.

    None shares a message with what was sent before.
    """
    limits.take_over(invoices, previous, debtor, ladder.rules_of(debtor.account))
    ids = [invoice.pk for invoice in invoices]
    planned = Communication.objects.filter(invoice__in=ids, status__in=(State.SCHEDULED, State.HELD))
    planned.exclude(debtor=debtor).update(debtor=debtor, message_id=RandomUUID())
    for model in (CallTask, CallLog):
        model.objects.filter(invoice__in=ids).update(debtor=debtor)


@receiver(invoice_amended)
def update_planned_messages(sender: object, invoice: Invoice, changes: Mapping[str, Any], **kwargs: Any) -> None:
    names = (changes.get(name, getattr(invoice, name)) for name in ("debtor_name", "debtor_company"))
    if parties.of(*names).key != invoice.party:
        manual.cancel_written(invoice)
    if changes.keys() & {"debtor_name", "debtor_company", "debtor_email", "debtor_phone", "language"}:
        addresses.update_planned(invoice)


@receiver(dispute_opened)
@receiver(dispute_revised)
def cancel_texts_about_contested_part(sender: object, dispute: Dispute, **kwargs: Any) -> None:
    """Cancel scheduled texts written by a person, because they may ask for the disputed amount."""
    if dispute.invoice.is_partly_disputed:
        manual.cancel_written(dispute.invoice, "contested")


@receiver(invoice_changed)
def recheck_minimum_after_change(
    sender: object, invoice: Invoice, previous_status: str, previous_payment_status: str, **kwargs: Any
) -> None:
    """Recheck unless the invoice merely became overdue: the due dates of all invoices are planned with already."""
    is_aged = {previous_status, invoice.status} == set(receivables.CHASED)
    if not is_aged or previous_payment_status != invoice.payment_status:
        recheck_minimum(sender, invoice)


@receiver(invoice_amended)
def recheck_minimum(sender: object, invoice: Invoice, **kwargs: Any) -> None:
    """Reschedule the debtor's other messages if what they would ask for may have crossed the account's minimum."""
    if MinimumBalance.objects.filter(settings=invoice.account_id, currency=invoice.currency).exists():
        replanning.replan_debtor(invoice.account, invoice.debtor, exclude={invoice.pk})


@receiver(payment_undone)
def delay_after_undo(sender: object, invoice: Invoice, **kwargs: Any) -> None:
    """Send nothing before the opening hours of the next working day, so that somebody can check the invoice."""
    place = ladder.place(invoice, ladder.rules_of(invoice.account))
    tomorrow = invoice.account.now().astimezone(place.zone).date() + dt.timedelta(days=1)
    invoice.not_before = place.next_opening(dt.datetime.combine(tomorrow, dt.time.min, place.zone).astimezone(dt.UTC))


@receiver(promise_made)
@receiver(promise_reopened)
def plan_promise_reminder(sender: object, promise: Promise, **kwargs: Any) -> None:
    optional.plan_promise_reminder(promise)


@receiver(invoice_changed)
def plan_thank_you(sender: object, invoice: Invoice, previous_status: str, **kwargs: Any) -> None:
    if invoice.status == Status.PAID != previous_status:
        optional.plan_thank_you(invoice)


@receiver(escalation_resolved)
def resume_after_escalation(sender: object, escalation: Escalation, **kwargs: Any) -> None:
    """Replan the invoice after the decision, and after a level 2 escalation the debtor's other invoices as well."""
    invoice = escalation.invoice
    if escalation.resolution == Resolution.LADDER and invoice.is_open:
        today = invoice.account.today()
        if ladder.next_step(invoice, policies.steps_of(invoice), today) is None:
            message = _(
                "All steps of the reminder schedule are done: put the invoice on hold, record a promise or write it "
                "off."
            )
            raise Refused("resolution", "ladder_ended", message)
    ladder.replan(invoice)
    if escalation.level == escalations.MAX_LEVEL:
        _replan_others(invoice)


@receiver(escalation_created)
def stop_for_escalation(sender: object, escalation: Escalation, **kwargs: Any) -> None:
    """Stop the messages about all of the debtor's invoices at level 2."""
    invoice = escalation.invoice
    if escalation.level == escalations.MAX_LEVEL:
        ladder.replan(invoice)
        _replan_others(invoice)


def _replan_others(invoice: Invoice) -> None:
    """Reschedule the debtor's other messages, unless another invoice at level 2 stops them in any case.

    Otherwise thousands of invoices that reach level 2 on the same day would each reschedule all others.
    """
    others = Invoice.objects.filter(debtor=invoice.debtor_id, status__in=OPEN).exclude(pk=invoice.pk)
    if not others.filter(escalation_level__gte=escalations.MAX_LEVEL).exists():
        replanning.replan_debtor(invoice.account, invoice.debtor, exclude={invoice.pk})


@receiver(payment_recorded)
def count_payment_as_contact(
    sender: object, account: Account, invoice: Invoice | None, payment: Payment, **kwargs: Any
) -> None:
    """Reschedule the messages of the debtor who paid: a payment counts as a contact and may leave credit."""
    if invoice and invoice.debtor_id == payment.debtor_id:
        replanning.contacts_changed(account, invoice.debtor, exclude={invoice.pk})
    else:
        replanning.contacts_changed(account, Debtor.objects.get(pk=payment.debtor_id))


@receiver(payment_recorded)
def recheck_minimum_after_payment(sender: object, invoice: Invoice | None, **kwargs: Any) -> None:
    """Recheck after a payment that changes no status."""
    if invoice and invoice.payment_status == PaymentStatus.PARTIALLY_PAID:
        recheck_minimum(sender, invoice)


_ACCOUNT_FIELDS = {"time_zone", "country", "subdivision", "weekend"}
_SETTINGS_FIELDS = {"opens_at", "closes_at", "hours_between", "most_in_7_days"}


@receiver(post_save, sender=Account)
def reschedule_account(sender: object, instance: Account, created: bool, raw: bool = False, **more: Any) -> None:
    fields = more.get("update_fields")
    if not created and not raw and (fields is None or _ACCOUNT_FIELDS & set(fields)):
        replanning.request([instance.pk])


@receiver(post_save, sender=CollectionSettings)
def reschedule_after_settings(sender: object, instance: CollectionSettings, raw: bool = False, **more: Any) -> None:
    fields = more.get("update_fields")
    if not raw and (fields is None or _SETTINGS_FIELDS & set(fields)):
        replanning.request([instance.account_id])


@receiver([post_save, post_delete], sender=PolicyRule)
def reschedule_after_policy_rule(sender: object, instance: PolicyRule, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        replanning.request([instance.account_id])


@receiver([post_save, post_delete], sender=MinimumBalance)
def reschedule_after_minimum(sender: object, instance: MinimumBalance, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        replanning.request([instance.settings_id])


@receiver([post_save, post_delete], sender=CalendarRule)
def reschedule_after_calendar(sender: object, instance: CalendarRule, raw: bool = False, **kwargs: Any) -> None:
    """Reschedule the account of a calendar rule, or all accounts if the rule is global."""
    if not raw:
        everybody = Account.objects.values_list("pk", flat=True)
        replanning.request([instance.account_id] if instance.account_id else everybody)


@receiver(next_contact_shown)
def check_for_stop(sender: object, account: Account, **kwargs: Any) -> Callable[[uuid.UUID], bool] | None:
    return standstill.stop_check(account)


@receiver(debtor_changed)
def update_after_debtor_change(sender: object, debtor: Debtor, **kwargs: Any) -> None:
    covering.close_cases(debtor)
    replanning.replan_debtor(debtor.account, debtor)
    addresses.apply_corrections(debtor)


@receiver(payments_synced)
def record_sync(sender: object, account: Account, actor: Actor, as_of: dt.datetime, **kwargs: Any) -> None:
    safeguards.record_sync(account, actor, as_of)
