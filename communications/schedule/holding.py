"""Facts that hold a debtor's messages back, and the first time at which a message may be sent.

The planner applies these rules in the transaction in which a fact changes, and the gate applies them again when the
message is due. Both call the same functions, so a planned time is never one that the gate would refuse. These functions
write nothing.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_lazy as _lazy

from communications.models import Communication, Kind
from communications.schedule import limits, one_off
from communications.schedule.facts import Facts
from inflow.accounts.models import Account
from invoices import workdays
from invoices.cases import escalations
from invoices.models import CaseStatus, Escalation, Invoice, Status

ANSWER_HOLD_WORKING_DAYS = 3
# A dispute that is open for this long escalates the invoice to the next level.
DISPUTE_ESCALATES_AFTER = dt.timedelta(days=30)
_DAY = dt.timedelta(days=1)
# Time until an open-ended hold is checked again.
RECHECK_AFTER = {"case": 30 * _DAY, "never_chase": 30 * _DAY, "below_minimum": 30 * _DAY}
# Reasons of the invoice or debtor. A change of these facts reschedules the message.
FACTS = ("never_chase", "hold", "dispute", "answer", "case", "credit", "below_minimum", "reopened")
# Reasons of the account. They are stored on the account and apply to all planned messages.
ACCOUNT = ("suspended", "stopped", "stale")
# Reasons that no fact ends. The message is tried again at its new time.
TRIED_AGAIN = ("no_channel", "away", "refused", "paused", "template", "lint")
# Kinds of messages that ask for nothing. A hold, a dispute or credit of an invoice does not hold them back.
_NO_REMINDERS = (Kind.THANK_YOU, Kind.STATEMENT)
# Reasons that only concern contact hours and limits.
TIMING = ("", "window", "cap")


REASONS = {
    "window": _lazy("outside the contact hours for this debtor"),
    "cap": _lazy("the contact limit for this debtor is reached"),
    "never_chase": _lazy("the debtor is marked never chase"),
    "hold": _lazy("the invoice is on hold"),
    "dispute": _lazy("the invoice is disputed"),
    "answer": _lazy("a reply from the debtor has not been handled yet"),
    "case": _lazy("a level 2 case of this debtor is open"),
    "credit": _lazy("the debtor's unapplied credit covers the amount due; apply it"),
    "below_minimum": _lazy("the amount due is below the account's minimum"),
    "reopened": _lazy("a payment was reversed; reminders continue on the next working day"),
    "stopped": _lazy("messages are stopped"),
    "stale": _lazy("payment data is stale: no payment was recorded or synced recently"),
    "suspended": _lazy("the account is suspended"),
    "no_channel": _lazy("no channel of this step is set up"),
    "away": _lazy("the mail server or gateway is unavailable"),
    "refused": _lazy("the mail server or gateway refused it for a reason unrelated to the recipient"),
    "paused": _lazy("sending is paused: the mail server or gateway refused several messages"),
    "template": _lazy("the message could not be created from its template"),
    "lint": _lazy("the message violates a rule of its channel; change its template or gateway"),
}


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason, a key of `REASONS`, not to send a message before `until`.

    An open-ended hold lasts until somebody acts; `until` is the time of the next check. `has_person` is True if a
    person is handling the case, so that no date can be given.
    """

    reason: str
    until: dt.datetime
    is_open_ended: bool = False
    has_person: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first time at which a message may be sent, and the hold until then, if any."""

    moment: dt.datetime
    hold: Hold | None = None

    @property
    def reason(self) -> str:
        return self.hold.reason if self.hold else ""

    @property
    def has_person(self) -> bool:
        """True if a person decides, so that no time can be given."""
        return self.hold is not None and self.hold.has_person


def first_allowed(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Verdict:
    """Return the first time from `moment` on at which `row` may be sent under the current facts.

    Reasons of the account are ignored: planned times do not depend on them.
    """
    hold = hold_of(facts, invoice, row, moment)
    if hold is not None:
        moment = max(moment, hold.until)
    return Verdict(next_allowed(facts, invoice, row, moment), hold)


def next_allowed(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> dt.datetime:
    """Return the first time from `moment` on within the contact hours and limits."""
    is_free = row.kind in limits.NOT_LIMITED or (row.kind == Kind.STATEMENT and one_off.is_by_person(row))
    is_limited = not is_free and moment < facts.now + limits.reach(facts.rules)
    contacts = facts.contacts_for(invoice, row) if is_limited else []
    return facts.next_allowed(moment, contacts, invoice)


def hold_of(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Hold | None:
    """Return the hold on `row` at `moment`: an open-ended one first, then the one that ends last.

    A debtor who is never chased gets no message at all, whatever else holds it back.
    """
    if facts.debtor.never_chase:
        return Hold("never_chase", moment + RECHECK_AFTER["never_chase"], is_open_ended=True, has_person=True)
    holds = [hold for hold in _holds(facts, invoice, row, moment) if hold.until > moment]
    return max(holds, key=lambda hold: (hold.is_open_ended, hold.until), default=None)


def _holds(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Iterable[Hold]:
    if row.kind in _NO_REMINDERS:
        if held := _unseen_answer(facts, invoice, row):
            yield held
        if facts.is_escalated and _is_unseen_case(facts, row):
            yield _escalation_hold(moment)
        if row.kind == Kind.STATEMENT and (until := facts.reopened_until(invoice)):
            yield Hold("reopened", until)
        return
    if invoice.is_wholly_disputed:
        yield dispute_hold(invoice, facts.now)
    if invoice.status == Status.ON_HOLD and row.kind != Kind.PROMISE_FOLLOWUP and not one_off.is_from_case_owner(row):
        assert invoice.hold_until is not None
        yield Hold("hold", beginning(facts.account, invoice.hold_until + _DAY))
    if held := _unseen_answer(facts, invoice, row):
        yield held
    is_escalated = facts.is_escalated or invoice.escalation_level >= escalations.MAX_LEVEL
    if is_escalated and _is_unseen_case(facts, row):
        yield _escalation_hold(moment)
    if until := facts.reopened_until(invoice):
        yield Hold("reopened", until)
    today = moment.astimezone(facts.account.zone).date()
    if (credit := facts.credit(invoice)) and _is_covered(facts, invoice, row, credit, today):
        yield Hold("credit", facts.coverage(invoice).next_check_at(moment), is_open_ended=True)
    elif row.step is not None and (held := _minimum_hold(facts, invoice, row, moment)):
        yield held


def _minimum_hold(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Hold | None:
    """Return the hold of an invoice for which a reminder would ask for less than the account's minimum.

    It ends on the day on which further invoices become overdue, so that the message would ask for enough, or when
    somebody changes an amount.
    """
    minimum = facts.minimum(invoice.currency)
    credit = facts.credit(invoice).get(invoice.currency, Decimal(0))
    if not minimum or invoice.undisputed_balance - credit >= minimum:
        return None
    mentioned, enough = facts.mentioned(invoice, row), minimum + credit
    today = moment.astimezone(facts.account.zone).date()
    if mentioned.most_owed(invoice, row.kind, today) >= enough:
        return None
    if day := mentioned.first_day(invoice, row.kind, enough, today):
        return Hold("below_minimum", beginning(facts.account, day))
    return Hold("below_minimum", moment + RECHECK_AFTER["below_minimum"], is_open_ended=True, has_person=True)


def _is_covered(
    facts: Facts, invoice: Invoice, row: Communication, credit: Mapping[str, Decimal], today: dt.date
) -> bool:
    """Return True if the credit covers everything that the message could ask for in the currency of its invoice.

    That is the invoice and the overdue ones among the others, without disputed amounts and invoices on hold.
    """
    amount = credit.get(invoice.currency, Decimal(0))
    if not amount or amount < invoice.undisputed_balance:
        return False
    return amount >= facts.mentioned(invoice, row).most_owed(invoice, row.kind, today)


def dispute_hold(invoice: Invoice, now: dt.datetime) -> Hold:
    """Return the hold of a dispute. It lasts until the dispute is resolved and escalates once, after 30 days."""
    assert invoice.disputed_at is not None
    raises_at = dispute_escalates_at(invoice)
    if raises_at > now:
        return Hold("dispute", raises_at, is_open_ended=True)
    return Hold("dispute", now + DISPUTE_ESCALATES_AFTER, is_open_ended=True, has_person=True)


def dispute_since(invoice: Invoice) -> dt.datetime:
    """Return the beginning of the dispute's 30 days. A new round of the invoice restarts them."""
    assert invoice.disputed_at is not None
    return max(invoice.disputed_at, invoice.entered_at or invoice.disputed_at)


def dispute_escalates_at(invoice: Invoice) -> dt.datetime:
    """Return the end of the dispute's 30 days. They are suspended while the invoice is paid."""
    return dispute_since(invoice) + DISPUTE_ESCALATES_AFTER + (invoice.dispute_paused or dt.timedelta())


def _planned_at(facts: Facts, row: Communication) -> dt.datetime | None:
    return row.not_before if facts.account.clock else row.created_at


def _is_unseen_case(facts: Facts, row: Communication) -> bool:
    """Return True unless a user sends the message, who could see each open level 2 case of the debtor."""
    planned_at = _planned_at(facts, row)
    if not one_off.is_by_person(row) or planned_at is None:
        return not one_off.is_by_person(row)
    cases = Escalation.objects.filter(invoice__debtor=facts.debtor.pk, level=escalations.MAX_LEVEL)
    return cases.exclude(status=CaseStatus.RESOLVED).filter(opened_at__gt=planned_at).exists()


def _unseen_answer(facts: Facts, invoice: Invoice, row: Communication) -> Hold | None:
    """Return the hold of an unhandled reply, unless the sender of the message could see it."""
    planned_at = _planned_at(facts, row)
    answered_at = facts.debtor.answered_at
    if one_off.is_by_person(row) and planned_at and answered_at and answered_at <= planned_at:
        return None
    return answer_hold(facts, invoice)


def answer_hold(facts: Facts, invoice: Invoice) -> Hold | None:
    """Return the hold of an unhandled reply: until the end of the third working day after it."""
    if facts.debtor.answered_at is None:
        return None
    answered_on = facts.debtor.answered_at.astimezone(facts.account.zone).date()
    last = workdays.after(answered_on, ANSWER_HOLD_WORKING_DAYS, facts.place(invoice).days)
    return Hold("answer", beginning(facts.account, last + _DAY))


def beginning(account: Account, day: dt.date) -> dt.datetime:
    """Return the beginning of a day in the account's time zone, in UTC."""
    return dt.datetime.combine(day, dt.time.min, account.zone).astimezone(dt.UTC)


def _escalation_hold(moment: dt.datetime) -> Hold:
    return Hold("case", moment + RECHECK_AFTER["case"], is_open_ended=True, has_person=True)
