"""The last gate before a message leaves: under the locks of the debtor and its invoices, on the facts as they are now.

What passes is rendered from those facts and marked `sending` in the same transaction. A payment that commits first is
seen here; one that commits later finds the message gone. There is no third case.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from communications import addresses, apart, brakes, caps, ladder, links, linters, messages, policies
from communications.models import CollectionSettings, Communication, Kind, Medium, PolicyStep, State
from inflow.accounts.actors import CLOCK
from inflow.accounts.models import Account
from invoices import escalations, lifecycle, money, timeline, workdays
from invoices.models import OPEN, Debtor, Invoice, Reason, Status

log = structlog.get_logger(__name__)

ANSWER_WAITS_WORKING_DAYS = 3
_DAY = dt.timedelta(days=1)
_AGAIN = {"case": 30 * _DAY, "credit": 7 * _DAY}
WORDS = {
    "window": "outside the hours for writing to this debtor",
    "cap": "the debtor heard from us recently",
    "hold": "the invoice is on hold",
    "dispute": "the invoice is disputed",
    "answer": "an answer of the debtor waits to be handled",
    "case": "a person is on this debtor's case",
    "credit": "the debtor's unapplied credit covers what is due; apply it",
    "stopped": "messages are switched off",
    "stale": "stale payment data: no payment was recorded or synced for a while",
    "suspended": "the account is suspended",
    "no_channel": "no channel of this step is set up",
    "away": "the mail server or the gateway is away",
    "template": "the message could not be written",
    "lint": "the message breaks a rule of its channel; its template has to be changed",
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


def claim(communication_id: uuid.UUID, *, away: bool = False, wait: bool = True) -> list[Communication]:
    """Pass the gate with all that is due to the same debtor on the same channel: one message, now `sending`, a row for
    each invoice, with what is to be sent frozen on it. Empty if nothing may go. What is no step of a ladder goes alone.

    `away`: there is no way out at the moment. Without `wait`, a debtor whom somebody else works on is left to them.
    """
    known = Communication.objects.filter(pk=communication_id, status=State.SCHEDULED)
    found = known.values_list("debtor_id", "channel", "step").first()
    if found is None:
        return []
    debtor_id, channel, step = found
    with transaction.atomic():
        case = _lock(debtor_id, channel, wait=wait, alone=communication_id if step is None else None)
        if case is None:
            return []
        going = [row for row in case.due if _may_go(case, row)]
        if not going:
            return []
        going = [row for row in going if row.recipient == going[0].recipient]
        if hindrance := _hindrance(case, going, away):
            _postpone_all(case, going, *hindrance)
            return []
        try:
            urls = links.in_message(case.debtor, going[0])
            message = messages.render(case.account, case.debtor, going, list(case.invoices.values()), **urls)
        except Exception:
            log.exception("rendering_failed", communication=str(communication_id))
            _postpone_all(case, going, "template", case.now + _DAY)
            return []
        if problems := breaches(going[0], case, message.text):
            _postpone_all(case, going, "lint", case.now + _DAY, " ".join(problem.message for problem in problems))
            return []
        message_id = going[0].message_id
        segments = linters.size(message.text).segments if going[0].channel == Medium.SMS else None
        for row in going:
            row.message_id, row.status, row.sent_at, row.claimed_at = (
                message_id,
                State.SENDING,
                case.now,
                timezone.now(),
            )
            row.subject, row.body, row.html = message.subject, message.text, message.html
            row.language, row.amount, row.waits_for = message.language, row.invoice.balance, ""
            row.segments = segments
            row.save()
            if row.step is not None:
                lifecycle.stand(row.invoice, next_contact_at=None)
            if message.is_fallback:
                timeline.note(row.invoice, "warning", CLOCK, "Written in English: a template is missing.")
    return going


def draft(row: Communication) -> messages.Message:
    """As it would be written now, whatever stands against its going: planned, no step of a ladder, its moment come."""
    case = _lock(row.debtor_id, row.channel, wait=True, alone=row.pk)
    assert case is not None
    urls = links.in_message(case.debtor, case.due[0])
    return messages.render(case.account, case.debtor, case.due, list(case.invoices.values()), **urls)


def _lock(debtor_id: uuid.UUID, channel: str, *, wait: bool, alone: uuid.UUID | None) -> Case | None:
    locked = Debtor.objects.select_for_update(no_key=True, skip_locked=not wait, of=("self",))
    debtor = locked.select_related("account__collection").filter(pk=debtor_id).first()
    if debtor is None:
        return None
    account, now = debtor.account, debtor.account.now()
    due_now = Communication.objects.filter(
        debtor=debtor, channel=channel, status=State.SCHEDULED, scheduled_for__lte=now
    )
    rows = due_now.filter(pk=alone) if alone else due_now.filter(step__isnull=False)
    theirs = Q(debtor=debtor, status__in=OPEN) | Q(pk__in=rows.values("invoice_id"))
    invoices = {
        invoice.pk: invoice for invoice in Invoice.objects.select_for_update(no_key=True).filter(theirs).order_by("id")
    }
    for invoice in invoices.values():
        invoice.account, invoice.debtor = account, debtor
    policies.look_once(invoices.values())
    due = list(rows.select_for_update().order_by("-step", "scheduled_for", "id"))
    for row in due:
        row.account, row.invoice = account, invoices[row.invoice_id]
    return Case(account, debtor, invoices, due, ladder.rules_of(account), now)


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
        _refuse(row, step, chosen.missing)
        return False
    row.recipient = chosen.address
    if row.channel != chosen.channel:
        row.channel = chosen.channel
        row.save(update_fields=["channel", "recipient"])
        return False
    if brakes.must_be_seen(row, case.rules):
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


def breaches(row: Communication, case: Case, text: str) -> list[linters.Problem]:
    """What the law of the debtor's place has against the text, on a channel whose text it rules."""
    if row.channel != Medium.SMS:
        return []
    spared = [invoice.invoice_number for invoice in case.invoices.values()]
    return linters.lint(row.channel, ladder.place(row.invoice, case.rules).country, None, text, spared=spared)


def _hindrance(case: Case, going: Sequence[Communication], away: bool) -> tuple[str, dt.datetime] | None:
    """What stands against any message to this debtor now, and until when."""
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
    in_hand = any(invoice.escalation_level >= escalations.HIGHEST for invoice in case.invoices.values())
    if in_hand and not by_person:
        return "case", now + _AGAIN["case"]
    if not is_thanks and _credit_covers(case):
        return "credit", now + _AGAIN["credit"]
    place = ladder.place(going[0].invoice, rules)
    opening = place.next_opening(now)
    heard = [] if going[0].kind in caps.UNCOUNTED else caps.contacts(debtor.pk, now)
    allowed = caps.next_allowed(now, heard, place, rules)
    if allowed != now:
        return "window" if allowed == opening else "cap", allowed
    return ("away", now + dt.timedelta(minutes=15)) if away else None


def _credit_covers(case: Case) -> bool:
    """Whether what was paid too much on other invoices is enough for all that is past due, currency by currency."""
    overpaid = Invoice.objects.filter(debtor=case.debtor, amount_paid__gt=F("amount")).exclude(status=Status.CANCELLED)
    credit: dict[str, Decimal] = {}
    for currency, paid, amount in overpaid.order_by().values_list("currency", "amount_paid", "amount"):
        credit[currency] = credit.get(currency, Decimal(0)) + paid - amount
    if not credit:
        return False
    due: dict[str, Decimal] = {}
    going = {row.invoice_id for row in case.due}
    for invoice in case.invoices.values():
        if invoice.is_open and (invoice.due_date < case.account.today() or invoice.pk in going):
            due[invoice.currency] = due.get(invoice.currency, Decimal(0)) + invoice.balance
    return all(credit.get(currency, Decimal(0)) >= owed for currency, owed in due.items())


def _refuse(row: Communication, step: PolicyStep, reason: str) -> None:
    """Finally refused: the step is done without a message."""
    _suppress(row, reason)
    invoice = row.invoice
    ladder.done(invoice, step)
    if reason != "opted_out" and step.offset_days > 0:
        escalations.open_case(invoice, Reason.NO_CONTACT)
    ladder.advance(invoice)


def _suppress(row: Communication, reason: str) -> None:
    row.status, row.suppressed_reason = State.SUPPRESSED, reason
    row.save()
    text = f"{row.get_kind_display()} not sent: {reason.replace('_', ' ')}."
    timeline.note(row.invoice, "suppressed", CLOCK, text)


def _postpone_all(case: Case, rows: Sequence[Communication], why: str, until: dt.datetime, reason: str = "") -> None:
    for row in rows:
        _postpone(case, row, why, until, reason)


def _postpone(case: Case, row: Communication, why: str, until: dt.datetime, reason: str = "") -> None:
    """Not lost: a new moment, and why, said once for each reason."""
    place = ladder.place(row.invoice, case.rules)
    until = place.next_opening(until)
    is_news = row.waits_for != why
    row.scheduled_for, row.waits_for = until, why
    row.save()
    if row.step is not None:
        lifecycle.stand(row.invoice, next_contact_at=until)
    if is_news:
        local = until.astimezone(place.zone)
        text = f"{row.get_kind_display()} postponed to {local:%Y-%m-%d %H:%M} ({place.zone.key}): {WORDS[why]}."
        reason = money.display(row.invoice.balance, row.invoice.currency) if why == "credit" else reason
        timeline.note(row.invoice, "postponed", CLOCK, text, after={"waits_for": why}, reason=reason)
