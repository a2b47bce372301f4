"""The last gate before a message leaves: under the locks of the debtor and its invoices, on the facts as they are now.

What passes is rendered from those facts and marked `sending` in the same transaction. A payment that commits first is
seen here; one that commits later finds the message gone. There is no third case.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import structlog
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _lazy

from communications import (
    addresses,
    apart,
    brakes,
    caps,
    covering,
    demand,
    gateways,
    ladder,
    links,
    linters,
    messages,
    policies,
)
from communications.models import CollectionSettings, Communication, Kind, Medium, PolicyStep, State
from inflow import statements
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from inflow.languages import in_english
from inflow.statements import Compiled
from invoices import escalations, ledger, lifecycle, money, timeline, workdays
from invoices.models import OPEN, Debtor, Invoice, Reason, Status

log = structlog.get_logger(__name__)

ANSWER_WAITS_WORKING_DAYS = 3
_DAY = dt.timedelta(days=1)
# What the gate writes on a message that passes.
_FROZEN = (
    *(
        "message_id",
        "status",
        "sent_at",
        "claimed_at",
        "recipient",
        "subject",
        "body",
        "html",
        "language",
        "amount",
        "asked",
    ),
    *("waits_for", "segments"),
)
_AGAIN = {"case": 30 * _DAY}
WORDS = {
    "window": _lazy("outside the hours for writing to this debtor"),
    "cap": _lazy("the debtor heard from us recently"),
    "hold": _lazy("the invoice is on hold"),
    "dispute": _lazy("the invoice is disputed"),
    "answer": _lazy("an answer of the debtor waits to be handled"),
    "case": _lazy("a person is on this debtor's case"),
    "credit": _lazy("the debtor's unapplied credit covers what is due; apply it"),
    "reopened": _lazy("a payment was undone; reminders continue at the next working day's opening"),
    "stopped": _lazy("messages are switched off"),
    "stale": _lazy("stale payment data: no payment was recorded or synced for a while"),
    "suspended": _lazy("the account is suspended"),
    "no_channel": _lazy("no channel of this step is set up"),
    "away": _lazy("the mail server or the gateway is away"),
    "template": _lazy("the message could not be written"),
    "lint": _lazy("the message breaks a rule of its channel; its template or its gateway has to be changed"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """All that is looked at, locked: a debtor, its open invoices, and what is due to be sent on one channel."""

    account: Account
    debtor: Debtor
    invoices: dict[uuid.UUID, Invoice]
    due: list[Communication]
    rules: CollectionSettings
    now: dt.datetime
    credit: dict[str, Decimal] = field(default_factory=dict)


def claim(
    communication_id: uuid.UUID, *, away: bool = False, wait: bool = True, account: Account | None = None
) -> list[Communication]:
    """Pass the gate with all that is due to the same debtor on the same channel: one message, now `sending`, a row for
    each invoice, with what is to be sent frozen on it. Empty if nothing may go. What is no step of a ladder goes alone.

    `away`: there is no way out at the moment. Without `wait`, a debtor whom somebody else works on is left to them.
    `account`: the one whose clock leaps, with what it has set as that was when the leap began.
    """
    with statements.transaction(), in_english():  # also when a person sends
        case = _lock(communication_id, wait=wait, account=account)
        if case is None:
            return []
        going = [row for row in case.due if _may_go(case, row)]
        if not going:
            return []
        going = [row for row in going if row.recipient == going[0].recipient]
        hindrance = _hindrance(case, going)
        if hindrance is None:
            going = _not_covered(case, going)
            if not going:
                return []
            hindrance = _timing(case, going, away)
        if hindrance:
            _postpone_all(case, going, *hindrance)
            return []
        invoices = list(case.invoices.values())
        try:
            urls = links.in_message(case.debtor, going[0])
            message = messages.render(case.account, case.debtor, going, invoices, credit=case.credit, **urls)
        except Exception:
            log.exception("rendering_failed", communication=str(communication_id))
            _postpone_all(case, going, "template", case.now + _DAY)
            return []
        if problems := breaches(going[0], case, message.text, message.language):
            _postpone_all(case, going, "lint", case.now + _DAY, " ".join(problem.message for problem in problems))
            return []
        message_id = going[0].message_id
        asked = demand.of_message(going, invoices, case.credit, going[0].channel, case.account.today()).asked
        segments = linters.size(message.text).segments if going[0].channel == Medium.SMS else None
        for row in going:
            row.message_id, row.status, row.sent_at, row.claimed_at = (
                message_id,
                State.SENDING,
                case.now,
                timezone.now(),
            )
            row.subject, row.body, row.html = message.subject, message.text, message.html
            row.language, row.waits_for = message.language, ""
            row.amount = row.invoice.balance
            row.asked = asked.get(row.invoice_id, row.amount)
            row.segments = segments
            statements.update(row, _FROZEN)
            if row.step is not None:
                lifecycle.stand(row.invoice, next_contact_at=None)
            if message.is_fallback:
                timeline.note(row.invoice, "warning", CLOCK, language=message.language)
    return going


def draft(row: Communication) -> messages.Message:
    """As it would be written now, whatever stands against its going: planned, no step of a ladder, its moment come."""
    case = _lock(row.pk, wait=True, account=None)
    assert case is not None
    urls = links.in_message(case.debtor, case.due[0])
    invoices = list(case.invoices.values())
    return messages.render(case.account, case.debtor, case.due, invoices, credit=case.credit, **urls)


def objections(row: Communication, message: messages.Message) -> list[str]:
    """What `claim` had against this message, in the reader's language."""
    case = _lock(row.pk, wait=True, account=None)
    assert case is not None
    return [problem.message for problem in breaches(row, case, message.text, message.language)]


def _lock(communication_id: uuid.UUID, *, wait: bool, account: Account | None) -> Case | None:
    found = statements.execute(_DEBTOR if wait else _FREE_DEBTOR, {"communication": communication_id}).fetchone()
    if found is None:
        return None
    *row, channel, step = found
    alone = communication_id if step is None else None
    debtor, owner, rules = statements.objects(row, Debtor, Account, CollectionSettings)
    if account is None:
        account = owner
        account._state.fields_cache["collection"] = rules if rules.account_id else None
    debtor.account = account
    now = account.now()
    which = {"debtor": debtor.pk, "channel": channel, "now": now, "alone": alone}
    invoices = {invoice.pk: invoice for invoice in _concerned(**which)}
    for invoice in invoices.values():
        invoice.account, invoice.debtor = account, debtor
    policies.look_once(invoices.values())
    due = _locked_due(**which)
    for row in due:
        row.account, row.invoice = account, invoices[row.invoice_id]
    credit = ledger.credit_of([debtor.pk]).get(debtor.pk, {})
    return Case(account, debtor, invoices, due, ladder.rules_of(account), now, credit)


_DEBTOR = f"""
SELECT {statements.columns(Debtor, Account, CollectionSettings)}, message.channel, message.step
FROM communications_communication message JOIN invoices_debtor ON invoices_debtor.id = message.debtor_id
JOIN accounts_account ON accounts_account.id = invoices_debtor.account_id
LEFT JOIN communications_collectionsettings ON communications_collectionsettings.account_id = accounts_account.id
WHERE message.id = %(communication)s AND message.status = 'scheduled'
FOR NO KEY UPDATE OF invoices_debtor
"""  # noqa: S608
_FREE_DEBTOR = f"{_DEBTOR} SKIP LOCKED"


def _due(debtor: uuid.UUID, channel: str, now: dt.datetime, alone: uuid.UUID | None) -> QuerySet[Communication]:
    due = Communication.objects.filter(debtor=debtor, channel=channel, status=State.SCHEDULED, scheduled_for__lte=now)
    return due.filter(pk=alone) if alone else due.filter(step__isnull=False)


@Compiled
def _concerned(*, debtor: uuid.UUID, channel: str, now: dt.datetime, alone: uuid.UUID | None) -> QuerySet[Invoice]:
    """The debtor's open invoices, and those that a message is due about, locked."""
    due = _due(debtor, channel, now, alone).values("invoice_id")
    theirs = Q(debtor=debtor, status__in=OPEN) | Q(pk__in=due)
    return Invoice.objects.select_for_update(no_key=True).filter(theirs).order_by("id")


@Compiled
def _locked_due(
    *, debtor: uuid.UUID, channel: str, now: dt.datetime, alone: uuid.UUID | None
) -> QuerySet[Communication]:
    return _due(debtor, channel, now, alone).select_for_update().order_by("-step", "scheduled_for", "id")


def _may_go(case: Case, row: Communication) -> bool:
    """What the row's own invoice says."""
    invoice = row.invoice
    today = case.account.today()
    if row.step is None:
        return _may_go_apart(case, row)
    if not _is_owed(row):
        lifecycle.stand(invoice, next_contact_at=None)
        return False
    step = ladder.next_step(invoice, policies.steps_of(invoice), today)
    if step is None or not ladder.is_for(row, invoice, step):
        ladder.advance(invoice)
        return False
    if invoice.status == Status.ON_HOLD:
        assert invoice.hold_until is not None
        _postpone(case, row, "hold", ladder.beginning(case.account, invoice.hold_until + _DAY))
        return False
    if invoice.status == Status.DISPUTED:
        _postpone(case, row, "dispute", ladder.advance_dispute(invoice) or case.now + ladder.DISPUTE_RAISES)
        return False
    left = ladder.channels_left(invoice, step) if row.try_number > 1 else []
    chosen = addresses.choose(invoice, left or step.channels)
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
        statements.update(row, ("channel", "recipient"))
        return False
    if brakes.must_be_seen(row, case.rules, case.credit.get(invoice.currency, Decimal(0))):
        brakes.hold(row)
        return False
    return True


def _is_owed(row: Communication) -> bool:
    invoice = row.invoice
    if invoice.is_open and invoice.balance > 0:
        return True
    _suppress(row, "paid" if invoice.status == Status.PAID or invoice.balance <= 0 else "closed")
    return False


def _may_go_apart(case: Case, row: Communication) -> bool:
    """The same for what is no step of the ladder: sent by a person, or for a promise or a payment."""
    invoice = row.invoice
    if row.kind == Kind.THANK_YOU:
        if invoice.status != Status.PAID:
            _suppress(row, "not_paid")
            return False
    elif not _is_owed(row):
        return False
    elif invoice.status == Status.DISPUTED:
        _postpone(case, row, "dispute", case.now + ladder.DISPUTE_RAISES)
        return False
    elif row.kind == Kind.PROMISE_FOLLOWUP:
        if not apart.is_promised(invoice):
            _suppress(row, "no_promise")
            return False
    elif invoice.status == Status.ON_HOLD and not apart.is_in_hand(row):
        assert invoice.hold_until is not None
        _postpone(case, row, "hold", ladder.beginning(case.account, invoice.hold_until + _DAY))
        return False
    chosen = addresses.choose(invoice, [row.channel])
    if case.debtor.opted_out_at is not None or chosen.missing not in ("", "no_channel"):
        _suppress(row, "opted_out" if case.debtor.opted_out_at else chosen.missing)
        return False
    if chosen.missing:
        _postpone(case, row, "no_channel", case.now + _DAY)
        return False
    row.recipient = chosen.address
    return True


def breaches(row: Communication, case: Case, text: str, language: str = "") -> list[linters.Problem]:
    """What the law of the debtor's place, and WhatsApp, have against the text and who sends it."""
    gateway = gateways.of(case.account).get(row.channel)
    if gateway is None:  # email
        return []
    sender = None if gateways.is_service(gateway.sender) else gateway.sender
    contact = addresses.known(case.account, row.channel, row.recipient) if row.channel == Medium.WHATSAPP else None
    return linters.lint(
        row.channel,
        ladder.place(row.invoice, case.rules).country,
        sender,
        text,
        spared=[invoice.invoice_number for invoice in case.invoices.values()],
        in_conversation=addresses.in_conversation(contact, case.now),
        has_template=bool(gateways.template_of(gateway, row.kind, language or row.language)),
        has_opted_in=addresses.has_agreed(contact),
    )


def _hindrance(case: Case, going: Sequence[Communication]) -> tuple[str, dt.datetime] | None:
    """What stands against any message to this debtor now, and until when, but for its credit and the hours."""
    account, debtor, rules, now = case.account, case.debtor, case.rules, case.now
    by_person, is_thanks = apart.is_by_person(going[0]), going[0].kind == Kind.THANK_YOU
    if account.suspended_at is not None:
        return "suspended", now + _DAY
    if rules.is_stopped or going[0].channel in rules.stopped_channels:
        return "stopped", now + _DAY
    if not is_thanks and brakes.is_stale(rules, now):
        return "stale", now + brakes.LOOKS_AGAIN
    if debtor.answered_at is not None and not by_person:
        place = ladder.place(going[0].invoice, rules)
        answered_on = debtor.answered_at.astimezone(account.zone).date()
        last = workdays.after(answered_on, ANSWER_WAITS_WORKING_DAYS, place.days)
        if account.today() <= last:
            return "answer", ladder.beginning(account, last + _DAY)
    if not is_thanks and (until := _reopened_until(case)):
        return "reopened", until
    in_hand = any(invoice.escalation_level >= escalations.HIGHEST for invoice in case.invoices.values())
    if in_hand and not by_person:
        return "case", now + _AGAIN["case"]
    return None


def _not_covered(case: Case, going: Sequence[Communication]) -> list[Communication]:
    """Return the rows in whose currency something is left to pay after the credit. The others wait for a person who
    applies it."""
    if going[0].kind == Kind.THANK_YOU:
        return list(going)
    invoices = list(case.invoices.values())
    covered = demand.covered(going, invoices, case.credit, case.account.today())
    if not covered:
        return list(going)
    until = covering.found(case.debtor, invoices, covered, case.credit)
    _postpone_all(case, [row for row in going if row.invoice.currency in covered], covering.WAITS_FOR, until)
    return [row for row in going if row.invoice.currency not in covered]


def _timing(case: Case, going: Sequence[Communication], away: bool) -> tuple[str, dt.datetime] | None:
    """The next moment that the debtor's hours and the limits of contact allow, if that is not now."""
    debtor, rules, now = case.debtor, case.rules, case.now
    place = ladder.place(going[0].invoice, rules)
    opening = place.next_opening(now)
    heard = [] if going[0].kind in caps.UNCOUNTED else caps.contacts(debtor.pk, now)
    allowed = caps.next_allowed(now, heard, place, rules)
    if allowed != now:
        return "window" if allowed == opening else "cap", allowed
    return ("away", now + dt.timedelta(minutes=15)) if away else None


def _reopened_until(case: Case) -> dt.datetime | None:
    """Return when a message may list the invoices again of which a payment was undone a short while ago."""
    listed = (invoice for invoice in case.invoices.values() if invoice.is_open and invoice.status != Status.DISPUTED)
    moments = [each.not_before for each in listed if each.not_before and each.not_before > case.now]
    return max(moments, default=None)


def _refuse(row: Communication, step: PolicyStep, reason: str, because: str = "") -> None:
    """Finally refused: the step is done without a message."""
    _suppress(row, reason, because)
    invoice = row.invoice
    ladder.done(invoice, step)
    if reason != "opted_out" and step.offset_days > 0:
        escalations.open_case(invoice, Reason.NO_CONTACT, notes=because)
    ladder.advance(invoice)


def _suppress(row: Communication, reason: str, because: str = "") -> None:
    row.status, row.suppressed_reason = State.SUPPRESSED, reason
    statements.update(row, ("status", "suppressed_reason", "recipient"))
    timeline.note(row.invoice, "suppressed", CLOCK, reason=because, message=row.kind, because=reason)


def _postpone_all(case: Case, rows: Sequence[Communication], why: str, until: dt.datetime, reason: str = "") -> None:
    for row in rows:
        _postpone(case, row, why, until, reason)


def _postpone(case: Case, row: Communication, why: str, until: dt.datetime, reason: str = "") -> None:
    """Not lost: a new moment, and why, said once for each reason."""
    place = ladder.place(row.invoice, case.rules)
    until = place.next_opening(until)
    is_news = row.waits_for != why
    row.scheduled_for, row.waits_for = until, why
    statements.update(row, ("scheduled_for", "waits_for", "recipient"))
    if row.step is not None:
        lifecycle.stand(row.invoice, next_contact_at=until)
    if is_news:
        reason = money.display(row.invoice.balance, row.invoice.currency) if why == "credit" else reason
        moment: dict[str, Any] = {"moment": until, "zone": place.zone.key}
        after = {"waits_for": why}
        timeline.note(
            row.invoice, "postponed", CLOCK, after=after, reason=reason, message=row.kind, because=why, **moment
        )
