"""The last check before a message is sent, under the locks of the debtor and its invoices.

A message that passes is rendered from the current facts and marked `sending` in the same transaction. A payment that
commits first is seen here; a payment that commits later finds the message already sent. There is no third case.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from communications.channels import Outage, gateways
from communications.contacts import addresses, recipients
from communications.contacts.further import Recipient
from communications.content import demand, linters, messages
from communications.delivery import listing, safeguards
from communications.models import CollectionSettings, Communication, Copy, Kind, Medium, State
from communications.portal import links
from communications.schedule import covering, holding, ladder, limits, one_off, optional, ordering, replanning
from communications.schedule.facts import Facts
from communications.schedule.policies import Step
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.languages import in_english
from inflow.sql import Batch, compiled
from invoices import lifecycle, timeline
from invoices.cases import escalations
from invoices.models import OPEN, Debtor, Invoice, Reason, Status

log = structlog.get_logger(__name__)

_DAY = dt.timedelta(days=1)
# Fields that the gate writes on a message that passes.
_FIELDS_OF_SENT = [
    *("message_id", "status", "sent_at", "claimed_at", "recipient", "subject", "body", "html", "language", "amount"),
    *("asked", "waits_for", "segments", "own_subject", "own_body", "attachments", "has_copies"),
]


@dataclass(frozen=True)
class Case:
    """The locked rows of one check: a debtor, its open invoices, and the messages due on one channel."""

    account: Account
    debtor: Debtor
    invoices: dict[uuid.UUID, Invoice]
    due: list[Communication]
    rules: CollectionSettings
    now: dt.datetime

    @cached_property
    def facts(self) -> Facts:
        open_invoices = [invoice for invoice in self.invoices.values() if invoice.is_open]
        return Facts(self.account, self.debtor, self.rules, open_invoices, now=self.now)

    def choose(self, row: Communication, channels: Sequence[str]) -> addresses.Chosen:
        """Return the channel and the main recipient of a message."""
        facts = self.facts
        return addresses.choose(
            row.invoice, channels, corrections=facts.corrections, kind=row.kind, further=facts.entries
        )

    def recipients(self, row: Communication) -> list[Recipient]:
        """Return the recipients of a message, the main one first."""
        facts = self.facts
        return recipients.of(row.invoice, row.kind, row.channel, corrections=facts.corrections, entries=facts.entries)


def claim(
    communication_id: uuid.UUID, *, unavailable: Outage | None = None, wait: bool = True, account: Account | None = None
) -> list[Communication]:
    """Mark a message as `sending` and return its rows, one for each invoice, with the text to send on each.

    Rows that are due to the same recipient, for the same debtor and party and on the same channel, are combined into
    one message. A one-off message is sent alone. Return an empty list if nothing may be sent.

    `unavailable` postpones the message because the channel cannot be used. Without `wait`, a locked debtor is skipped.
    `account` is the account whose clock is moved, with its settings as they were when the move began.
    """
    with transaction.atomic(), in_english():  # also for messages that a user sends
        case = _lock(communication_id, wait=wait, account=account)
        if case is None:
            return []
        passing = [row for row in case.due if _may_send(case, row)]
        if not passing:
            return []
        passing = listing.combinable(case.account, passing)
        read_by_one = case.facts.read_by_one(passing[0].invoice, passing[0])
        for address in read_by_one:
            limits.lock_address(case.account.pk, address)
        if blocked := _blocked(case, passing, unavailable):
            _postpone_all(case, passing, *blocked)
            return []
        invoices = listing.listed(case.account, passing[0], case.invoices.values())
        credit = case.facts.credit(passing[0].invoice)
        try:
            message, copies = _write(case, passing, invoices, credit)
        except Exception:
            log.exception("rendering_failed", communication=str(communication_id))
            _postpone_all(case, passing, "template", case.now + _DAY)
            return []
        if problems := breaches(passing[0], case, message.text, message.language):
            _postpone_all(case, passing, "lint", case.now + _DAY, _sentences(problems))
            return []
        message_id = copies[0].message_id if copies else passing[0].message_id
        asked = demand.of_message(passing, invoices, credit, passing[0].channel, case.account.today()).asked
        texts = [copy.body for copy in copies] or [message.text]
        segments = sum(linters.size(text).segments for text in texts) if passing[0].channel == Medium.SMS else None
        batch = Batch()
        for copy in copies:
            if copy.position and (problems := breaches(copy.as_message(passing[0]), case, copy.body, copy.language)):
                copy.status, copy.error = State.SUPPRESSED, _sentences(problems)[:300]
            batch.insert(copy)
        for row in passing:
            row.message_id, row.status, row.has_copies = message_id, State.SENDING, bool(copies)
            row.sent_at, row.claimed_at = case.now, timezone.now()
            row.own_subject, row.own_body = row.subject, row.body
            row.subject, row.body, row.html = message.subject, message.text, message.html
            row.language, row.waits_for = message.language, ""
            row.amount = row.invoice.balance
            row.asked = asked.get(row.invoice_id, row.invoice.undisputed_balance)
            row.segments = segments
            row.attachments = list(message.attachments)
            batch.update(row, *_FIELDS_OF_SENT)
            if row.step is not None:
                lifecycle.update_schedule(row.invoice, batch=batch, next_check_at=None, next_contact_at=None)
            if message.is_fallback:
                timeline.note(row.invoice, "warning", CLOCK, batch=batch, language=message.language)
        batch.flush()
        if passing[0].kind not in limits.UNCOUNTED:
            _reschedule_others(case, passing)
            for address in read_by_one:
                replanning.address_contacted(case.account, case.debtor, address)
    return passing


def _write(
    case: Case, rows: Sequence[Communication], invoices: Sequence[Invoice], credit: Mapping[str, Decimal]
) -> tuple[messages.Message, list[Copy]]:
    """Render a message, and a copy for each of its recipients if there are several. The first copy is being sent."""
    first, to = rows[0], [Recipient("", rows[0].recipient, "")]
    if first.invoice.contacts or case.facts.entries:
        to = case.recipients(first)
    if len(to) < 2:
        return render(case, rows, invoices, credit, to[0].language), []
    # A new one, because other rows may have been part of an earlier attempt.
    message_id = uuid.uuid4()
    written, copies = [], []
    for position, recipient in enumerate(to):
        copy = Copy(
            id=uuid.uuid4() if position else message_id,
            message_id=message_id,
            account=case.account,
            position=position,
            channel=first.channel,
            recipient=recipient.address,
            name=recipient.name,
            scheduled_for=case.now,
        )
        message = render(case, rows, invoices, credit, recipient.language, copy)
        copy.language, copy.subject = message.language, message.subject
        copy.body, copy.html = message.text, message.html
        written.append(message)
        copies.append(copy)
    copies[0].status, copies[0].sent_at, copies[0].claimed_at = State.SENDING, case.now, timezone.now()
    return written[0], copies


def render(
    case: Case,
    rows: Sequence[Communication],
    invoices: Sequence[Invoice],
    credit: Mapping[str, Decimal],
    language: str,
    copy: Copy | None = None,
) -> messages.Message:
    """Render a message for a recipient with this language of its own, or for one copy of it."""
    urls = links.urls_for_message(case.debtor, rows[0], language, copy)
    return messages.render(case.account, case.debtor, rows, invoices, credit=credit, language=language, **urls)


def _sentences(problems: Sequence[linters.Problem]) -> str:
    return " ".join(problem.message for problem in problems)


def _reschedule_others(case: Case, passing: Sequence[Communication]) -> None:
    """Reschedule the debtor's other messages, because those in `passing` now count as contacts. A message that is not a
    step also reschedules the messages of its own invoice."""
    exclude = {row.invoice_id for row in passing if row.step is not None}
    replanning.contacts_changed(case.account, case.debtor, exclude=exclude)


def draft(row: Communication) -> messages.Message:
    """Render a one-off message that is due, whether or not it may be sent."""
    case = _lock(row.pk, wait=True, account=None)
    assert case is not None
    urls = links.urls_for_message(case.debtor, case.due[0])
    invoices = listing.listed(case.account, case.due[0], case.invoices.values())
    credit = case.facts.credit(case.due[0].invoice)
    return messages.render(case.account, case.debtor, case.due, invoices, credit=credit, **urls)


def objections(row: Communication, message: messages.Message) -> list[str]:
    """Return the reasons for which `claim` refused the text of a message, in the active language."""
    case = _lock(row.pk, wait=True, account=None)
    assert case is not None
    return [problem.message for problem in breaches(row, case, message.text, message.language)]


def _lock(communication_id: uuid.UUID, *, wait: bool, account: Account | None) -> Case | None:
    message = Communication.objects.filter(pk=communication_id, status=State.SCHEDULED)
    locked_debtor = Debtor.objects.select_for_update(no_key=True, of=("self",), skip_locked=not wait)
    with_settings = locked_debtor.select_related("account__collection", "account__payment_settings")
    debtor = with_settings.filter(pk__in=message.values("debtor_id")).first()
    if debtor is None:
        return None
    channel, step = Communication.objects.values_list("channel", "step").get(pk=communication_id)
    alone = communication_id if step is None else None
    if account is None:
        account = debtor.account
    debtor.account = account
    now = account.now()
    which = {"debtor": debtor.pk, "channel": channel, "now": now, "alone": alone}
    # Lock in the order of the ids, but process in an order that does not depend on them.
    locked = sorted(_affected_invoices(**which), key=ordering.in_order)
    invoices = {invoice.pk: invoice for invoice in locked}
    for invoice in invoices.values():
        invoice.account, invoice.debtor = account, debtor
    due = _locked_due(**which)
    for row in due:
        row.account, row.invoice = account, invoices[row.invoice_id]
    return Case(account, debtor, invoices, due, ladder.rules_of(account), now)


def _due(debtor: uuid.UUID, channel: str, now: dt.datetime, alone: uuid.UUID | None) -> QuerySet[Communication]:
    due = Communication.objects.filter(debtor=debtor, channel=channel, status=State.SCHEDULED, scheduled_for__lte=now)
    return due.filter(pk=alone) if alone else due.filter(step__isnull=False)


@compiled
def _affected_invoices(
    *, debtor: uuid.UUID, channel: str, now: dt.datetime, alone: uuid.UUID | None
) -> QuerySet[Invoice]:
    """Lock the debtor's open invoices and those with a due message."""
    due = _due(debtor, channel, now, alone).values("invoice_id")
    theirs = Q(debtor=debtor, status__in=OPEN) | Q(pk__in=due)
    return Invoice.objects.select_for_update(no_key=True).filter(theirs).order_by("id")


@compiled
def _locked_due(
    *, debtor: uuid.UUID, channel: str, now: dt.datetime, alone: uuid.UUID | None
) -> QuerySet[Communication]:
    return _due(debtor, channel, now, alone).select_for_update(of=("self",)).order_by(*ordering.SEND_ORDER)


def _may_send(case: Case, row: Communication) -> bool:
    """Check one row against the facts of its invoice and debtor. Postpone or suppress it if it may not be sent."""
    invoice = row.invoice
    today = case.account.today()
    if row.step is None:
        return _may_send_one_off(case, row)
    if not _is_owed(row):
        lifecycle.update_schedule(invoice, next_check_at=None, next_contact_at=None)
        return False
    step = ladder.next_step(invoice, case.facts.steps(invoice), today)
    if step is None or not ladder.is_for(row, invoice, step):
        ladder.advance(invoice)
        return False
    verdict = holding.first_allowed(case.facts, invoice, row, case.now)
    if verdict.reason in _EARLY_HOLDS:
        _hold_back(case, row, verdict)
        return False
    # A retry uses the channel that was planned for its whole message.
    left = [row.channel, *ladder.channels_left(invoice, step)] if row.try_number > 1 else []
    chosen = case.choose(row, left or step.channels)
    if case.debtor.opted_out_at is not None:
        _refuse(row, step, "opted_out")
        return False
    if chosen.missing == "no_channel":
        _postpone(case, row, "no_channel", case.now + _DAY)
        return False
    if chosen.missing:
        _refuse(row, step, chosen.missing, chosen.because)
        return False
    row.recipient = chosen.address
    if row.channel != chosen.channel:
        row.channel = chosen.channel
        row.save(update_fields=["channel", "recipient"])
        return False
    if verdict.hold:
        _hold_back(case, row, verdict)
        return False
    if safeguards.needs_approval(row, case.rules, case.facts.credit(invoice).get(invoice.currency, Decimal(0))):
        safeguards.hold(row)
        return False
    return True


# These holds are checked before the addresses, the others after them.
_EARLY_HOLDS = ("never_chase", "hold", "dispute")


def _hold_back(case: Case, row: Communication, verdict: holding.Verdict) -> None:
    if verdict.reason == "dispute" and row.step is not None:
        ladder.advance_dispute(row.invoice)
    moment = verdict.moment
    if verdict.reason == "credit":
        facts, currency = case.facts, row.invoice.currency
        theirs, credit = facts.party_invoices(row.invoice), facts.credit(row.invoice)
        if covering.open_case_when_due(case.account, facts.party(row.invoice), theirs, currency, credit):
            moment = case.now + covering.CASE_AFTER
    _postpone(case, row, verdict.reason, moment)
    if verdict.has_person and row.step is not None:
        lifecycle.update_schedule(row.invoice, next_contact_at=None)


def _is_owed(row: Communication) -> bool:
    invoice = row.invoice
    if invoice.is_open and invoice.balance > 0:
        return True
    _suppress(row, "paid" if invoice.status == Status.PAID or invoice.balance <= 0 else "closed")
    return False


def _may_send_one_off(case: Case, row: Communication) -> bool:
    """Check a one-off message: sent by a user, about a promise or a payment, or a statement."""
    if row.kind == Kind.STATEMENT:
        _file_under_open_invoice(case, row)
    invoice = row.invoice
    if row.kind == Kind.THANK_YOU:
        if invoice.status != Status.PAID:
            _suppress(row, "not_paid")
            return False
        if optional.is_late(row, case.now):
            _suppress(row, "late")
            return False
    elif not _is_owed(row):
        return False
    elif row.kind == Kind.PROMISE_FOLLOWUP and not one_off.is_promised(invoice):
        _suppress(row, "no_promise")
        return False
    verdict = holding.first_allowed(case.facts, invoice, row, case.now)
    if verdict.reason in _EARLY_HOLDS:
        _hold_back(case, row, verdict)
        return False
    chosen = case.choose(row, [row.channel])
    if case.debtor.opted_out_at is not None or chosen.missing not in ("", "no_channel"):
        _suppress(row, "opted_out" if case.debtor.opted_out_at else chosen.missing)
        return False
    if chosen.missing:
        _postpone(case, row, "no_channel", case.now + _DAY)
        return False
    row.recipient = chosen.address
    if verdict.hold:
        _hold_back(case, row, verdict)
        return False
    return True


def _file_under_open_invoice(case: Case, row: Communication) -> None:
    """Let a statement follow another open invoice of the party if its own has been closed since it was planned."""
    if row.invoice.is_open and row.invoice.balance > 0:
        return
    party = case.facts.party(row.invoice)
    theirs = (each for each in case.invoices.values() if each.is_open and each.balance > 0 and party.owns(each))
    if found := next(theirs, None):
        row.invoice = found
        row.save(update_fields=["invoice"])


def breaches(row: Communication, case: Case, text: str, language: str = "") -> list[linters.Problem]:
    """Return violations of local regulations and of WhatsApp's rules by the text or its sender."""
    gateway = gateways.of(case.account).get(row.channel)
    if gateway is None:  # email
        return []
    sender = None if gateways.is_service(gateway.sender) else gateway.sender
    contact = addresses.record_of(case.account, row.channel, row.recipient) if row.channel == Medium.WHATSAPP else None
    return linters.lint(
        row.channel,
        ladder.place(row.invoice, case.rules).country,
        sender,
        text,
        ignored=[invoice.invoice_number for invoice in case.invoices.values()],
        in_conversation=addresses.in_conversation(contact, case.now),
        has_template=bool(gateways.template_of(gateway, row.kind, language or row.language)),
        has_opted_in=addresses.has_opted_in(contact),
    )


def _blocked(
    case: Case, passing: Sequence[Communication], unavailable: Outage | None
) -> tuple[str, dt.datetime] | None:
    """Return the reason why the debtor may not be contacted now, and until when: account, hours, limits, outage."""
    account, rules, now, first = case.account, case.rules, case.now, passing[0]
    if account.suspended_at is not None:
        return "suspended", now + _DAY
    if rules.is_stopped or first.channel in rules.stopped_channels:
        return "stopped", now + _DAY
    if first.kind != Kind.THANK_YOU and safeguards.is_stale(rules, now):
        return "stale", now + safeguards.RECHECK_AFTER
    allowed = holding.next_allowed(case.facts, first.invoice, first, now)
    if allowed != now:
        opening = case.facts.place(first.invoice).next_opening(now)
        return "window" if allowed == opening else "cap", allowed
    return (unavailable.reason, now + unavailable.wait) if unavailable else None


def _refuse(row: Communication, step: Step, reason: str, because: str = "") -> None:
    """Suppress a message for good. Its step counts as done."""
    _suppress(row, reason, because)
    invoice = row.invoice
    ladder.done(invoice, step)
    if reason != "opted_out" and step.offset_days > 0:
        escalations.open_case(invoice, Reason.NO_CONTACT, notes=because)
    ladder.advance(invoice)


def _suppress(row: Communication, reason: str, because: str = "") -> None:
    row.status, row.suppressed_reason = State.SUPPRESSED, reason
    row.save(update_fields=["status", "suppressed_reason", "recipient"])
    timeline.note(row.invoice, "suppressed", CLOCK, reason=because, message=row.kind, because=reason)


def _postpone_all(case: Case, rows: Sequence[Communication], why: str, until: dt.datetime, reason: str = "") -> None:
    for row in rows:
        _postpone(case, row, why, until, reason)


def _postpone(case: Case, row: Communication, why: str, until: dt.datetime, reason: str = "") -> None:
    """Postpone a message and note each reason once on the timeline."""
    until = case.facts.place(row.invoice).next_opening(until)
    is_news = row.waits_for != why and not (row.refusals and why == "paused")  # the refusal was noted
    row.scheduled_for, row.waits_for = until, why
    if why in holding.TRIED_AGAIN:
        row.not_before = until
    row.save(update_fields=["scheduled_for", "waits_for", "not_before", "recipient"])
    if row.step is not None:
        lifecycle.update_schedule(row.invoice, next_contact_at=until)
    if is_news:
        ladder.note_postponed(case.facts, row.invoice, row, reason)
