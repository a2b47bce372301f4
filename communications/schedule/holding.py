"""The facts that hold a debtor's messages back, and the first moment at which a message may go.

The planner applies these rules in the transaction in which a fact changes, and the gate applies them again when the
message is due. Both call the same functions, so a planned message never promises a moment that the gate would refuse.
Nothing is written here.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _lazy

from communications.content import demand
from communications.delivery import listing
from communications.models import CollectionSettings, Communication, Kind
from communications.schedule import covering, limits, one_off
from communications.schedule.calendar import Place, place_of
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices import ledger, workdays
from invoices.cases import escalations
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import OPEN, Debtor, Invoice, Receipt, Status

ANSWER_WAITS_WORKING_DAYS = 3
# A dispute open for so long raises the next level.
DISPUTE_RAISES = dt.timedelta(days=30)
_DAY = dt.timedelta(days=1)
# A hold without an end of its own is checked again after this time.
CHECKED_AGAIN = {"case": 30 * _DAY}
# Reasons that lie in the invoice or its debtor: the message is rescheduled when one of these facts changes.
FACTS = ("hold", "dispute", "answer", "case", "credit", "reopened")
# Reasons that lie in the account. They are written once, on the account, and apply to whatever is planned.
ACCOUNT = ("suspended", "stopped", "stale")
# No fact ends them: the message is tried again at its new moment, not before.
TRIED_AGAIN = ("no_channel", "away", "refused", "paused", "template", "lint")
# Two messages or invoices that are equal otherwise come in this order, never in that of their random ids.
IN_ORDER = ("due_date", "invoice_number")
# Of the messages that are due to a debtor: the highest step, then the oldest debt.
GOES_FIRST = ("-step", *(f"invoice__{name}" for name in IN_ORDER), "kind", "try_number")
# Not yet, only because of the hours and the limits of contact.
TIMING = ("", "window", "cap")


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
    "refused": _lazy("the mail server or the gateway refused it for a reason that is not the recipient’s"),
    "paused": _lazy("sending is paused for a while: the mail server or the gateway refused several messages"),
    "template": _lazy("the message could not be written"),
    "lint": _lazy("the message breaks a rule of its channel; its template or its gateway has to be changed"),
}


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason not to write, a key of `WORDS`. Without an end of its own (`is_open_ended`) it lasts until
    somebody acts, and `until` is when it is checked again. `has_person`: somebody is on it, and no date is known."""

    reason: str
    until: dt.datetime
    is_open_ended: bool = False
    has_person: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first moment at which a message may go, and the fact that holds it back until then, if one does."""

    moment: dt.datetime
    hold: Hold | None = None

    @property
    def reason(self) -> str:
        return self.hold.reason if self.hold else ""

    @property
    def has_person(self) -> bool:
        """True where a person decides, so that no moment can be named."""
        return self.hold is not None and self.hold.has_person


class Facts:
    """The facts of a debtor that its messages depend on, besides those of the invoice that a message is about.

    Each is read when it is first needed, so that the caller's changes must be written by then. The gate gives the
    open invoices that it has locked.
    """

    def __init__(
        self,
        account: Account,
        debtor: Debtor,
        rules: CollectionSettings,
        open_invoices: Sequence[Invoice] | None = None,
    ) -> None:
        self.account, self.debtor, self.rules = account, debtor, rules
        self.now = account.now()
        self._given = open_invoices
        self._parties: dict[str, DebtorParty] = {}
        self._credits: dict[frozenset[str], dict[str, Decimal]] = {}

    @cached_property
    def open_invoices(self) -> Sequence[Invoice]:
        if self._given is not None:
            return self._given
        invoices = list(Invoice.objects.filter(debtor=self.debtor.pk, status__in=OPEN).order_by(*IN_ORDER))
        for invoice in invoices:
            invoice.account, invoice.debtor = self.account, self.debtor
        return invoices

    @cached_property
    def _holding(self) -> Sequence[Invoice]:
        """The open invoices that hold the debtor's messages back: by a level 2 escalation, or reopened just now."""
        if self._given is not None:
            return self._given
        return _holding(debtor=self.debtor.pk, now=self.now)

    @property
    def is_in_hand(self) -> bool:
        """True while a level 2 escalation of any of the invoices stops the debtor's messages."""
        return any(invoice.escalation_level >= escalations.HIGHEST for invoice in self._holding)

    def reopened_until(self, invoice: Invoice) -> dt.datetime | None:
        """The moment from which a message may again list the invoices of which a payment was undone a short while ago.
        `invoice` counts as it is, not as it is stored."""
        listed = [invoice, *(each for each in self._holding if each.pk != invoice.pk)]
        moments = [each.not_before for each in listed if each.is_open and each.status != Status.DISPUTED]
        return max((moment for moment in moments if moment and moment > self.now), default=None)

    @cached_property
    def _has_credit(self) -> bool:
        return bool(_credit(debtor=self.debtor.pk))

    def party(self, invoice: Invoice) -> DebtorParty:
        """The party that an invoice of the debtor names."""
        if invoice.party not in self._parties:
            self._parties[invoice.party] = debtor_parties.of_invoice(invoice)
        return self._parties[invoice.party]

    def credit(self, invoice: Invoice) -> dict[str, Decimal]:
        """The credit of the party that an invoice names, by currency."""
        if not self._has_credit:
            return {}
        party = self.party(invoice)
        if party.keys not in self._credits:
            self._credits[party.keys] = ledger.credit_of_party(party)
        return self._credits[party.keys]

    def open_with(self, invoice: Invoice) -> Sequence[Invoice]:
        """The open invoices of the party that an invoice names."""
        party = self.party(invoice)
        return [each for each in self.open_invoices if party.owns(each)]

    @cached_property
    def contacts(self) -> Sequence[dt.datetime]:
        """The moments of the last contacts, in order."""
        return limits.contacts(self.debtor.pk, self.now, self.rules)

    def place(self, invoice: Invoice) -> Place:
        rules = self.rules
        phone = invoice_contacts.given(invoice, "phone")
        return place_of(self.debtor, self.account, phone, opens=rules.opens_at, closes=rules.closes_at)


@compiled
def _holding(*, debtor: uuid.UUID, now: dt.datetime) -> QuerySet[Invoice]:
    holds = Q(escalation_level__gte=escalations.HIGHEST) | Q(not_before__gt=now)
    return Invoice.objects.filter(holds, debtor=debtor, status__in=OPEN)


@compiled
def _credit(*, debtor: uuid.UUID) -> QuerySet[Receipt, Any]:
    return ledger.unapplied().filter(debtor=debtor).order_by().values("id")[:1]


def first_allowed(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Verdict:
    """The first moment, `moment` or later, at which `row` may go, as things stand now.

    Account-wide reasons are left out: no planned moment depends on them.
    """
    hold = hold_of(facts, invoice, row, moment)
    if hold is not None:
        moment = max(moment, hold.until)
    return Verdict(next_allowed(facts, invoice, row, moment), hold)


def next_allowed(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> dt.datetime:
    """The first moment, `moment` or later, within the hours and the limits of contact."""
    is_limited = row.kind not in limits.NOT_LIMITED and moment < facts.now + limits.reach(facts.rules)
    contacts = facts.contacts if is_limited else []
    return limits.next_allowed(moment, contacts, facts.place(invoice), facts.rules)


def hold_of(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Hold | None:
    """The fact that holds `row` back at `moment`: one without an end before any other, then the one that ends last."""
    holds = [hold for hold in _holds(facts, invoice, row, moment) if hold.until > moment]
    return max(holds, key=lambda hold: (hold.is_open_ended, hold.until), default=None)


def _holds(facts: Facts, invoice: Invoice, row: Communication, moment: dt.datetime) -> Iterable[Hold]:
    if row.kind == Kind.THANK_YOU:
        if not one_off.is_by_person(row) and (answered := of_answer(facts, invoice)):
            yield answered
        if not one_off.is_by_person(row) and facts.is_in_hand:
            yield _in_hand(moment)
        return
    if invoice.status == Status.DISPUTED:
        yield of_dispute(invoice, facts.now)
    if invoice.status == Status.ON_HOLD and row.kind != Kind.PROMISE_FOLLOWUP and not one_off.is_in_hand(row):
        assert invoice.hold_until is not None
        yield Hold("hold", beginning(facts.account, invoice.hold_until + _DAY))
    if not one_off.is_by_person(row):
        if answered := of_answer(facts, invoice):
            yield answered
        if facts.is_in_hand or invoice.escalation_level >= escalations.HIGHEST:
            yield _in_hand(moment)
    if until := facts.reopened_until(invoice):
        yield Hold("reopened", until)
    today = moment.astimezone(facts.account.zone).date()
    if (credit := facts.credit(invoice)) and _is_covered(facts, invoice, row, credit, today):
        theirs = facts.open_with(invoice)
        checked_at = covering.until(facts.account, facts.party(invoice), theirs, invoice.currency, moment)
        yield Hold("credit", checked_at, is_open_ended=True)


def _is_covered(
    facts: Facts, invoice: Invoice, row: Communication, credit: Mapping[str, Decimal], today: dt.date
) -> bool:
    """Return whether the credit leaves nothing that the message could ask for."""
    if credit.get(invoice.currency, Decimal(0)) < invoice.balance:
        return False
    named = listing.named_with(facts.account, invoice, row.channel, row.recipient, facts.open_invoices)
    return demand.is_covered(invoice, row.kind, named, credit, today)


def of_dispute(invoice: Invoice, now: dt.datetime) -> Hold:
    """A dispute holds until it is resolved. It is checked after 30 days, when it raises the next level, once."""
    assert invoice.disputed_at is not None
    raises_at = dispute_raises_at(invoice)
    if raises_at > now:
        return Hold("dispute", raises_at, is_open_ended=True)
    return Hold("dispute", now + DISPUTE_RAISES, is_open_ended=True, has_person=True)


def dispute_since(invoice: Invoice) -> dt.datetime:
    """The beginning of the dispute's 30 days: a new round of the invoice counts anew."""
    assert invoice.disputed_at is not None
    return max(invoice.disputed_at, invoice.entered_at or invoice.disputed_at)


def dispute_raises_at(invoice: Invoice) -> dt.datetime:
    """The end of the 30 days, which don't run while the invoice is paid."""
    return dispute_since(invoice) + DISPUTE_RAISES + (invoice.dispute_paused or dt.timedelta())


def of_answer(facts: Facts, invoice: Invoice) -> Hold | None:
    """An unhandled answer holds until the end of the third working day after it."""
    if facts.debtor.answered_at is None:
        return None
    answered_on = facts.debtor.answered_at.astimezone(facts.account.zone).date()
    last = workdays.after(answered_on, ANSWER_WAITS_WORKING_DAYS, facts.place(invoice).days)
    return Hold("answer", beginning(facts.account, last + _DAY))


def beginning(account: Account, day: dt.date) -> dt.datetime:
    """Midnight on the account's calendar, in UTC."""
    return dt.datetime.combine(day, dt.time.min, account.zone).astimezone(dt.UTC)


def _in_hand(moment: dt.datetime) -> Hold:
    return Hold("case", moment + CHECKED_AGAIN["case"], is_open_ended=True, has_person=True)
