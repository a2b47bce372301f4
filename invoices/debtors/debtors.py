"""Debtors: edits, opt-outs and replies."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Q

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import signals, timeline
from invoices.cases import escalations
from invoices.debtors import aliases, finding, parties
from invoices.debtors.contacts import normalise_email, normalise_phone
from invoices.errors import InvalidPhone
from invoices.models import OPEN, CaseStatus, Debtor, Escalation, Reason, TimelineEntry
from invoices.models.identities import ContactCorrection, ContactKind

__all__ = ["InvalidPhone", "normalise_email", "normalise_phone"]

# This many unhandled replies in a row open a case.
UNREAD_REPLIES = 3


def record_edit(before: Debtor, debtor: Debtor, actor: Actor) -> None:
    """Record an edit by staff of a debtor whose row the caller has locked.

    A replaced contact is also replaced for the debtor's invoices, and new invoices find the debtor by its new values.
    """
    for kind, old, new in (
        (ContactKind.EMAIL.value, before.email, debtor.email),
        (ContactKind.PHONE.value, before.phone, debtor.phone),
    ):
        if old != new:
            replace_contact(debtor, kind, old, new, actor)
    names = ("name", "company", "email", "phone")
    if any(getattr(before, name) != getattr(debtor, name) for name in names):
        finding.add_identity(debtor, parties.of(debtor.name, debtor.company), debtor.email, debtor.phone)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def replace_contact(debtor: Debtor, kind: str, old: str, new: str, actor: Actor) -> None:
    """Use the contact `new` in place of `old` for all of the debtor's invoices from now on."""
    # `new` is valid again, and a chain of corrections must not be a circle.
    ContactCorrection.objects.filter(debtor=debtor, party="", kind=kind, old=new).delete()
    values = {"account": debtor.account, "new": new, "actor": actor.name, "at": debtor.account.now()}
    ContactCorrection.objects.update_or_create(debtor=debtor, party="", kind=kind, old=old, defaults=values)
    timeline.note_on_open(debtor, "contact_replaced", actor, contact=kind, old=old or "–", new=new or "–")


def opt_out(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """Stop all messages to the debtor, also those that are about to be sent."""
    with _locked(account, debtor_id) as debtor:
        if debtor.opted_out_at is None:
            debtor.opted_out_at = account.now()
            debtor.save(update_fields=["opted_out_at"])
            _announce(debtor, actor, "opted_out", reason)
    return debtor


def opt_in(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """Allow messages to the debtor again."""
    with _locked(account, debtor_id) as debtor:
        if debtor.opted_out_at is not None:
            debtor.opted_out_at = None
            debtor.save(update_fields=["opted_out_at"])
            _announce(debtor, actor, "opted_in", reason)
    return debtor


def record_reply(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Record a reply of the debtor. It pauses messages until it is handled, or for three working days."""
    with transaction.atomic():
        pause_for_reply(account, debtor_id, actor, account.now())
        return log_reply(account, debtor_id, actor, text=text)


def pause_for_reply(account: Account, debtor_id: uuid.UUID, actor: Actor, at: dt.datetime) -> Debtor:
    """Pause messages because the debtor replied. Each reply starts a new pause."""
    with _locked(account, debtor_id) as debtor:
        debtor.answered_at = at
        debtor.unhandled_since = debtor.unhandled_since or debtor.answered_at
        debtor.unhandled_answers += 1
        _save_replies(debtor, actor)
    return debtor


def log_reply(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Add a reply to the timelines. The third unhandled one in a row opens a case."""
    with _locked(account, debtor_id) as debtor:
        _announce(debtor, actor, "answered", text)
        if debtor.unhandled_answers >= UNREAD_REPLIES:
            _escalate_unread(debtor)
    return debtor


def mark_reply_handled(
    account: Account,
    debtor_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    latest: dt.datetime | None = None,
    left: int = 0,
) -> Debtor:
    """Record that a person handled a reply. Messages continue if no other is `left`.

    `latest` is when the newest of the others arrived.
    """
    with _locked(account, debtor_id) as debtor:
        if debtor.answered_at is not None:
            debtor.answered_at, debtor.unhandled_answers = latest, left
            if not left:
                debtor.unhandled_since = None
            _save_replies(debtor, actor)
            if not left:
                _announce(debtor, actor, "answer_handled", reason)
    return debtor


def _save_replies(debtor: Debtor, actor: Actor) -> None:
    debtor.save(update_fields=["answered_at", "unhandled_answers", "unhandled_since"])
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def _escalate_unread(debtor: Debtor) -> None:
    """Open a case on the oldest open invoice, unless there is one for these replies."""
    cases = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNREAD_REPLIES)
    if cases.filter(Q(opened_at__gte=debtor.unhandled_since) | ~Q(status=CaseStatus.RESOLVED)).exists():
        return
    joined = TimelineEntry.objects.filter(
        invoice__debtor=debtor, kind="escalation_joined", at__gte=debtor.unhandled_since
    )
    if joined.filter(params__case=Reason.UNREAD_REPLIES.value).exists():
        return
    invoices = debtor.invoices.filter(status__in=OPEN).select_for_update(no_key=True)
    oldest = invoices.order_by("due_date", "issue_date", "invoice_number").first()
    if oldest:
        oldest.account, oldest.debtor = debtor.account, debtor
        escalations.open_case(oldest, Reason.UNREAD_REPLIES)


@contextmanager
def _locked(account: Account, debtor_id: uuid.UUID) -> Iterator[Debtor]:
    with transaction.atomic():
        yield aliases.lock(account, debtor_id)


def _announce(debtor: Debtor, actor: Actor, kind: str, reason: str) -> None:
    """Add an entry to the timeline of each open invoice, and send `debtor_changed`."""
    timeline.note_on_open(debtor, kind, actor, reason=reason)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)
