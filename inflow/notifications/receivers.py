"""Receivers that queue notifications in the transaction of the event."""

from collections.abc import Collection
from typing import Any

from django.dispatch import receiver

from communications.models import Reply
from communications.signals import reply_received
from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import User
from inflow.notifications.models import Kind
from inflow.notifications.queue import notify, notify_people
from invoices.models import Escalation, Invoice, Note, Promise, Reason, Status
from invoices.models.imports import Import
from invoices.signals import escalation_created, import_ended, invoice_changed, note_added, promise_broken


@receiver(reply_received)
def on_reply_received(sender: object, reply: Reply, **_: Any) -> None:
    owner = reply.debtor.owner_id if reply.debtor else None
    notify(reply.account, Kind.REPLY, str(reply.pk), reply.pk, owners=[owner])


@receiver(invoice_changed)
def on_invoice_changed(sender: object, invoice: Invoice, actor: Actor, previous_status: str, **_: Any) -> None:
    """Notify about a new dispute, unless it was imported."""
    if invoice.status != Status.DISPUTED or previous_status == Status.DISPUTED or actor.channel == Channel.IMPORT:
        return
    event = f"{invoice.pk} {invoice.disputed_at:%Y-%m-%dT%H:%M:%S.%f}"
    owners = [invoice.debtor.owner_id]
    notify(invoice.account, Kind.DISPUTE, event, invoice.pk, owners=owners, except_for=actor.name)


@receiver(escalation_created)
def on_escalation_created(sender: object, escalation: Escalation, actor: Actor, **_: Any) -> None:
    """Notify about a new case, unless a broken promise opened it: that has a notification of its own."""
    if escalation.reason == Reason.PROMISE_BROKEN:
        return
    invoice = escalation.invoice
    owners = [escalation.assignee_id, invoice.debtor.owner_id]
    notify(invoice.account, Kind.CASE, str(escalation.pk), escalation.pk, owners=owners, except_for=actor.name)


@receiver(promise_broken)
def on_promise_broken(sender: object, promise: Promise, **_: Any) -> None:
    invoice = promise.invoice
    owners = [invoice.debtor.owner_id]
    notify(invoice.account, Kind.BROKEN_PROMISE, str(promise.pk), promise.pk, owners=owners)


@receiver(note_added)
def on_note_added(sender: object, note: Note, actor: Actor, mentioned: Collection[User], **_: Any) -> None:
    people = [member.pk for member in mentioned if member.email != actor.name]
    if people:
        notify_people(note.account, Kind.MENTION, str(note.pk), note.pk, people, "mention")


@receiver(import_ended)
def on_import_ended(sender: object, file: Import, **_: Any) -> None:
    if file.uploaded_by_id:
        event = f"{file.pk} {file.phase}"
        notify_people(file.account, Kind.IMPORT, event, file.pk, [file.uploaded_by_id], "imports")
