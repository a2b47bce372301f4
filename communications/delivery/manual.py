"""What a person sends: looked at first, as the gate would write it at that moment, then sent once.

To look is to plan and to pass the gate in a transaction that is taken back. To send is the same, committed, if what
passed is what was shown. The form's key is the message's id: a form that is posted twice sends one message.
"""

import datetime as dt
import hashlib
import json
import re
import uuid
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from communications import channels
from communications.channels import Outage, pauses
from communications.content import messages
from communications.delivery import gate, reasons, safeguards, sender
from communications.models import Communication, Medium, State
from communications.schedule import one_off
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.languages import spoken
from inflow.restores import highwater
from invoices import timeline
from invoices.models import Status
from invoices.writing import Refused, lock

log = structlog.get_logger(__name__)

# What these hinder may be left to go by itself at the moment that is shown. For all else somebody has to do something.
_TEMPORARY_REASONS = ("window", "cap", "away", "refused", "paused", "reopened")
_LINKS = re.compile(re.escape(settings.BASE_URL) + r"/[^\s\"<]+")


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """`subject` and `text`: a person's own words instead of the template's, as templates are written."""

    kind: str
    channel: str
    language: str
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The message as it would go. `later`: it would wait until then; `refusal` says why, or why it can't go at all."""

    message: Communication
    deferred_until: dt.datetime | None
    refusal: str

    @property
    def may_be_sent(self) -> bool:
        return self.deferred_until is not None or not self.refusal

    @property
    def digest(self) -> str:
        """Of what is shown, but for the links, which are new each time."""
        row = self.message
        values = [
            row.kind,
            row.channel,
            row.language,
            row.recipient,
            row.subject,
            _LINKS.sub("", row.body),
            self.refusal,
        ]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


class PreviewOutdated(Exception):
    """What would go is not what was looked at."""


class _AlreadySent(Exception):
    def __init__(self, message: Communication) -> None:
        self.message = message


def preview(account: Account, invoice_id: uuid.UUID, actor: Actor, request: MessageRequest) -> Preview:
    """Nothing is kept of it. Raises `Refused` and `writing.NotFound`."""
    with transaction.atomic():
        shown, _going = _pass_gate(account, invoice_id, actor, request, uuid.uuid4())
        transaction.set_rollback(True)
    return shown


def send(
    account: Account, invoice_id: uuid.UUID, actor: Actor, request: MessageRequest, *, key: uuid.UUID, digest: str
) -> Communication:
    """The message that was looked at, at once or, if that was shown, when it may go. The same `key` again: what became
    of it. Raises `Refused` and `Changed`; then nothing is kept."""
    if not channels.is_captured(account, request.channel) and not highwater.may_send():
        raise Refused("kind", "held", _("Messages are held because the database was restored from a backup."))
    with channels.Transports() as transports:
        permit, unavailable = sender.connect(transports, account, request.channel)
        is_handed_over = False
        try:
            with transaction.atomic():
                shown, going = _pass_gate(account, invoice_id, actor, request, key, unavailable=unavailable)
                if not shown.may_be_sent:
                    raise Refused("kind", "not_now", _("It can't be sent: %(why)s.") % {"why": shown.refusal})
                if shown.digest != digest:
                    raise PreviewOutdated
            if going:
                is_handed_over = True
                sender.hand_over(going, account, transports, permit)
        except _AlreadySent as earlier:
            return earlier.message
        finally:
            if permit and not is_handed_over:
                pauses.release(permit)
    sent: Communication = Communication.objects.get(pk=key)
    return sent


def cancel(account: Account, communication_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Communication:
    """What a person left to go later does not go. Raises `Refused`."""
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


def _pass_gate(
    account: Account,
    invoice_id: uuid.UUID,
    actor: Actor,
    request: MessageRequest,
    key: uuid.UUID,
    *,
    unavailable: Outage | None = None,
) -> tuple[Preview, list[Communication]]:
    """Plan it and pass the gate, or see what stands against it. Raises `_Sent` where the key was used for it."""
    invoice = lock(account, invoice_id)
    if earlier := Communication.objects.filter(pk=key, invoice=invoice).first():
        raise _AlreadySent(earlier)
    if request.kind not in one_off.kinds_for(invoice):
        values = {"status": spoken(Status, invoice.status)}
        raise Refused("kind", "does_not_fit", _("That can't be said of an invoice that is %(status)s.") % values)
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
        raise Refused("key", "used", _("This form was already used for something else. Open it again.")) from error
    timeline.note(invoice, "planned", actor, message=row.kind, medium=row.channel)
    rendered = _draft(row)
    going = gate.claim(key, unavailable=unavailable)
    if going:
        return Preview(going[0], None, ""), going
    row = Communication.objects.get(pk=key)
    refusal = reasons.describe(row.waits_for or row.suppressed_reason)
    if rendered:
        if row.waits_for == "lint":
            row.invoice = invoice
            refusal = f"{refusal}: {' '.join(gate.objections(row, rendered))}"
        row.subject, row.body, row.html, row.language = (
            rendered.subject,
            rendered.text,
            rendered.html,
            rendered.language,
        )
    return Preview(row, row.scheduled_for if row.waits_for in _TEMPORARY_REASONS else None, refusal), going


def _draft(row: Communication) -> messages.Message | None:
    try:
        return gate.draft(row)
    except Exception:  # the gate says what it is
        log.exception("rendering_failed", communication=str(row.pk))
        return None
