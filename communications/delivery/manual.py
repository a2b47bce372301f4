"""Manual messages: previewed first, then sent once.

A preview plans the message and passes the gate in a transaction that is rolled back. Sending does the same and commits,
provided that the result equals the preview. The form's key is the message's id, so a form that is posted twice sends
one message.
"""

import datetime as dt
import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from communications import channels
from communications.channels import Outage, pauses
from communications.contacts import recipients
from communications.content import messages, template_language
from communications.content.errors import InvalidTemplate
from communications.delivery import gate, reasons, safeguards, sender
from communications.delivery.errors import AlreadySent, PreviewOutdated
from communications.models import Communication, Copy, Medium, State
from communications.schedule import holding, ladder, one_off
from inflow.accounts.actors import CLOCK, Actor
from inflow.accounts.models import Account
from inflow.celery import wake
from inflow.languages import choice_label
from inflow.restores import highwater
from invoices import timeline
from invoices.models import Invoice, Status
from invoices.narrative import Because
from invoices.writing import Refused, lock

log = structlog.get_logger(__name__)

# Messages held back for these reasons can be scheduled. All other reasons need an action by a user.
_TEMPORARY_REASONS = ("window", "cap", "away", "refused", "paused", "reopened")
_LINKS = re.compile(re.escape(settings.BASE_URL) + r"/[^\s\"<]+")


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """Input of the form. `subject` and `text` replace the template; they use the template language."""

    kind: str
    channel: str
    language: str
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as it would be sent, and to whom, or the reason why not.

    If `deferred_until` is set, the message can be scheduled for that time, and `refusal` is the reason for the delay.
    Otherwise a `refusal` means that it cannot be sent.
    """

    message: Communication
    deferred_until: dt.datetime | None
    refusal: str
    recipients: Sequence[str]

    @property
    def may_be_sent(self) -> bool:
        return self.deferred_until is not None or not self.refusal

    @property
    def digest(self) -> str:
        """SHA-256 of the previewed message and its attachments, without its links, which differ each time."""
        row = self.message
        body = _LINKS.sub("", row.body)
        attached = [each["sha256"] for each in row.attachments]
        values = [row.kind, row.channel, row.language, *self.recipients, row.subject, body, self.refusal, attached]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def check_text(request: MessageRequest) -> None:
    """Raise `Refused` if the text of a person or program can't be used."""
    if bool(request.subject) != bool(request.text) and request.channel == Medium.EMAIL:
        message = _("Enter both subject and text for an email of your own.")
        raise Refused("text" if request.subject else "subject", "required", message)
    limit = template_language.LIMITS[Medium(request.channel)]
    if len(request.text) > limit:
        raise Refused("text", "max_length", _("At most %(most)d characters.") % {"most": limit})
    try:
        template_language.check(request.text, request.channel)
        template_language.check_subject(request.subject, request.channel)
    except InvalidTemplate as error:
        raise Refused("text", "invalid", str(error)) from error


def preview(account: Account, invoice_id: uuid.UUID, actor: Actor, request: MessageRequest) -> Preview:
    """Return a preview of a message without storing anything. Raise `Refused` or `writing.NotFound`."""
    with transaction.atomic():
        shown, _claimed = _pass_gate(account, invoice_id, actor, request, uuid.uuid4())
        transaction.set_rollback(True)
    return shown


def send(
    account: Account, invoice_id: uuid.UUID, actor: Actor, request: MessageRequest, *, key: uuid.UUID, digest: str
) -> Communication:
    """Send the previewed message, or schedule it if the preview was deferred, and return it.

    A repeated `key` returns the existing message. Raise `Refused`, or `PreviewOutdated` if `digest` is no longer
    current; nothing is stored then.
    """
    if not channels.is_captured(account, request.channel) and not highwater.may_send():
        raise Refused("kind", "held", _("Messages are held because the database was restored from a backup."))
    with channels.Transports() as transports:
        permit, unavailable = sender.connect(transports, account, request.channel)
        is_handed_over = False
        try:
            with transaction.atomic():
                shown, claimed = _pass_gate(account, invoice_id, actor, request, key, unavailable=unavailable)
                if not shown.may_be_sent:
                    raise _not_now(shown.refusal)
                if shown.digest != digest:
                    raise PreviewOutdated
            if claimed:
                is_handed_over = True
                sender.hand_over(claimed, account, transports, permit)
        except AlreadySent as earlier:
            return earlier.message
        finally:
            if permit and not is_handed_over:
                pauses.release(permit)
    sent: Communication = Communication.objects.get(pk=key)
    return sent


def schedule(
    account: Account, invoice_id: uuid.UUID, actor: Actor, request: MessageRequest, *, may_wait: bool = False
) -> Communication:
    """Schedule a message for a program and return it. A worker sends it within seconds.

    It is refused with the reason of the gate, or if there is an unhandled reply or an open case of level 2, which a
    program does not see. With `may_wait`, it may be held back until a known time.
    """
    shown = preview(account, invoice_id, actor, request)
    if shown.refusal and not (may_wait and shown.deferred_until):
        raise _not_now(shown.refusal)
    with transaction.atomic():
        row = _plan(account, invoice_id, actor, request, uuid.uuid4())
        facts = ladder.facts_of(row.invoice)
        answer = holding.answer_hold(facts, row.invoice)
        if answer and answer.until > facts.now:
            raise _not_now(reasons.describe(answer.reason))
        if facts.is_escalated:
            raise _not_now(reasons.describe("case"))
        row.scheduled_for = shown.deferred_until or row.scheduled_for
        row.save(update_fields=["scheduled_for"])
        transaction.on_commit(lambda: _wake(row))
    return row


def _wake(row: Communication) -> None:
    """Have the message sent. A test account's own clock does not wake the workers."""
    if row.account.clock is None:
        wake("communications.tasks.send_due")
    elif row.scheduled_for <= row.account.now():
        sender.capture(row.pk, owner=row.account)


def _not_now(refusal: str) -> Refused:
    return Refused("kind", "not_now", _("It can't be sent: %(why)s.") % {"why": refusal})


def cancel(account: Account, communication_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Communication:
    """Cancel a scheduled one-off message. Raise `Refused` unless it is one."""
    with transaction.atomic():
        row, _invoice = safeguards.lock_message(account, communication_id, State.SCHEDULED)
        if row.step is not None:
            raise Refused(
                "status",
                "illegal_transition",
                _("Put the invoice on hold to stop the messages of its reminder schedule."),
            )
        row.status = State.CANCELLED
        row.save(update_fields=["status"])
        timeline.note(row.invoice, "cancelled", actor, reason=reason, message=row.kind)
    return row


def cancel_written(invoice: Invoice, because: str = "other_party") -> None:
    """Cancel the scheduled messages with a text that somebody wrote before the invoice's party or amount changed."""
    planned = Communication.objects.filter(invoice=invoice, status=State.SCHEDULED, step=None).exclude(body="")
    for row in planned.order_by("id"):
        row.status = State.CANCELLED
        row.save(update_fields=["status"])
        timeline.note(invoice, "cancelled", CLOCK, reason=Because(because), message=row.kind)


def _pass_gate(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    request: MessageRequest,
    key: uuid.UUID,
    *,
    unavailable: Outage | None = None,
) -> tuple[Preview, list[Communication]]:
    """Plan a message and pass the gate. Return the preview and the claimed rows.

    Raise `AlreadySent` if the key was used for this invoice before.
    """
    row = _plan(account, invoice_id, actor, request, key)
    rendered = _draft(row)
    claimed = gate.claim(key, unavailable=unavailable)
    if claimed:
        copies = Copy.objects.filter(message_id=claimed[0].message_id).order_by("position")
        has_copies = claimed[0].has_copies
        to = list(copies.values_list("recipient", flat=True)) if has_copies else [claimed[0].recipient]
        return Preview(claimed[0], None, "", to), claimed
    to = [recipient.address for recipient in recipients.of(row.invoice, row.kind, row.channel)]
    invoice, row = row.invoice, Communication.objects.get(pk=key)
    refusal = reasons.describe(row.waits_for or row.suppressed_reason)
    if row.waits_for == "never_chase":
        refusal = f"{refusal}: {invoice.debtor.never_chase_reason}"
    if rendered:
        if row.waits_for == "lint":
            row.invoice = invoice
            refusal = f"{refusal}: {' '.join(gate.objections(row, rendered))}"
        row.subject, row.body, row.html = rendered.subject, rendered.text, rendered.html
        row.language, row.attachments = rendered.language, list(rendered.attachments)
    return Preview(row, row.scheduled_for if row.waits_for in _TEMPORARY_REASONS else None, refusal, to), claimed


def _plan(
    account: Account, invoice_id: uuid.UUID, actor: Actor, request: MessageRequest, key: uuid.UUID
) -> Communication:
    """Store a message to be sent now."""
    invoice = lock(account, invoice_id)
    if earlier := Communication.objects.filter(pk=key, invoice=invoice).first():
        raise AlreadySent(earlier)
    if request.kind not in one_off.kinds_for(invoice):
        values = {"status": choice_label(Status, invoice.status)}
        raise Refused(
            "kind", "does_not_fit", _("This kind of message does not fit an invoice that is %(status)s.") % values
        )
    row = Communication(
        id=key,
        account=account,
        debtor_id=invoice.debtor_id,
        invoice=invoice,
        round=invoice.round,
        kind=request.kind,
        channel=request.channel,
        language=request.language,
        subject=request.subject if request.channel == Medium.EMAIL else "",
        body=request.text,
        scheduled_for=account.now(),
        not_before=account.now(),
        approved_by=actor.name,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Refused("key", "used", _("This form was already used. Open it again.")) from error
    timeline.note(invoice, "planned", actor, message=row.kind, medium=row.channel)
    return row


def _draft(row: Communication) -> messages.Message | None:
    try:
        return gate.draft(row)
    except Exception:  # the gate reports the error
        log.exception("rendering_failed", communication=str(row.pk))
        return None
