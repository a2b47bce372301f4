"""Facts that hold a debtor's messages back, and the first time at which a message may be sent.

The planner applies these rules in the transaction in which a fact changes, and the gate applies them again when the
message is due. Both call the same functions, so a planned time is never one that the gate would refuse. These functions
write nothing.
"""

import datetime as dt
import heapq
import operator
import uuid
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext_lazy as _lazy

from communications.contacts import addresses, further
from communications.contacts.further import Entry
from communications.delivery import listing
from communications.models import Address, CollectionSettings, Communication, Kind
from communications.schedule import attempts, limits, one_off, policies, reading
from communications.schedule.attempts import Attempts
from communications.schedule.calendar import Place, place_of
from communications.schedule.covering import Coverage
from communications.schedule.policies import Step
from communications.schedule.sums import Mentioned
from inflow.accounts.models import Account
from invoices import ledger, workdays
from invoices.cases import escalations
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors import debtor_parties
from invoices.debtors.contacts import Corrections, Replacements
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import OPEN, CaseStatus, ContactKind, Debtor, Escalation, Invoice, Status

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
# Sort order of otherwise equal messages or invoices, instead of their random ids.
IN_ORDER = ("due_date", "invoice_number")
in_order = operator.attrgetter(*IN_ORDER)
# Sort order of the messages due to a debtor: the highest step first, then the oldest debt.
SEND_ORDER = ("-step", *(f"invoice__{name}" for name in IN_ORDER), "kind", "try_number")
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


@dataclass(frozen=True, slots=True)
class Given:
    """Facts and recent contacts of a debtor, read together with those of others."""

    read: reading.Reading
    contacts: Sequence[dt.datetime]


class Facts:
    """Facts of a debtor on which all of its messages depend, in addition to the facts of each invoice.

    They are read on first use, so the caller must have written its changes by then. The gate passes the open invoices
    that it has locked.
    """

    def __init__(
        self,
        account: Account,
        debtor: Debtor,
        rules: CollectionSettings,
        open_invoices: Sequence[Invoice] | None = None,
        *,
        invoice: Invoice | None = None,
        given: Given | None = None,
    ) -> None:
        self._given = given
        self.account, self.debtor, self.rules = account, debtor, rules
        self.now = account.now()
        self._locked_invoices, self._invoice = open_invoices, invoice
        # Unsaved messages by step, for the planner.
        self.probes: dict[tuple[int, str], Communication] = {}
        # Results that are the same for many invoices. A debtor may have thousands of open ones.
        self._places: dict[tuple[str, str], Place] = {}
        self._allowed: dict[tuple[str, str, dt.datetime, tuple[dt.datetime, ...]], dt.datetime] = {}
        self._parties: dict[str, DebtorParty] = {}
        self._credits: dict[frozenset[str], dict[str, Decimal]] = {}
        self._of_party: dict[frozenset[str], Sequence[Invoice]] = {}
        self._coverages: dict[tuple[frozenset[str], str], Coverage] = {}
        self._mentioned: dict[tuple[Hashable, ...], Mentioned] = {}
        self._replacements: dict[str, Replacements] = {}
        self._chosen: dict[tuple[Hashable, ...], addresses.Chosen] = {}

    @cached_property
    def open_invoices(self) -> Sequence[Invoice]:
        if self._locked_invoices is not None:
            return self._locked_invoices
        invoices = list(Invoice.objects.filter(debtor=self.debtor.pk, status__in=OPEN).order_by(*IN_ORDER))
        for invoice in invoices:
            invoice.account, invoice.debtor = self.account, self.debtor
        return invoices

    @cached_property
    def _read(self) -> reading.Reading:
        return self._given.read if self._given else reading.read(self.account, self.debtor, self.now, self._invoice)

    @property
    def is_escalated(self) -> bool:
        """True while a level 2 escalation of an invoice stops the debtor's messages."""
        if self._locked_invoices is None:
            return self._read.is_escalated
        return any(invoice.escalation_level >= escalations.MAX_LEVEL for invoice in self._locked_invoices)

    def reopened_until(self, invoice: Invoice) -> dt.datetime | None:
        """Return the time until which reopened invoices hold messages back, or None.

        A payment of these invoices was undone recently. `invoice` is evaluated in memory, not as stored.
        """
        moments = [_reopened_until(invoice), *(until for until, pk in self._last_reopened if pk != invoice.pk)]
        return max((moment for moment in moments if moment and moment > self.now), default=None)

    @cached_property
    def _last_reopened(self) -> list[tuple[dt.datetime, uuid.UUID]]:
        """The two latest times until which reopened invoices hold messages back: one may be the invoice's own."""
        if self._locked_invoices is None:
            found = [(until, pk) for pk, until in self._read.reopened.items()]
        else:
            found = [(until, each.pk) for each in self._locked_invoices if (until := _reopened_until(each))]
        return heapq.nlargest(2, found)

    @property
    def corrections(self) -> Corrections:
        """Contacts that staff corrected."""
        return self._read.corrections

    @property
    def entries(self) -> Sequence[Entry]:
        """The debtor's contacts."""
        return self._read.entries

    @property
    def is_planned(self) -> bool:
        """True if the invoice that was passed has unsent messages."""
        return self._read.is_planned

    @property
    def has_plain_contacts(self) -> bool:
        """True if the invoice that was passed has no further contacts, and none of its addresses was corrected,
        bounced, or opted in or out."""
        read, invoice = self._read, self._invoice
        is_alone = invoice is not None and not invoice.contacts and not read.entries
        return is_alone and not read.corrections and not read.has_contact_state

    @property
    def depends_on_invoices(self) -> bool:
        """True if the debtor's other invoices matter for a new one, because of credit, a minimum or a bad address."""
        return self._read.has_credit or bool(self._read.minimums) or not self.has_plain_contacts

    def steps(self, invoice: Invoice) -> list[Step]:
        """Return the steps of an invoice of the debtor, in order. An invoice that is not chased has none."""
        if not invoice.is_chased:
            return []
        steps, rules = self._read.steps, self._read.rules
        policy_id = policies.id_of(invoice, rules)
        if policy_id not in steps:
            steps[policy_id] = policies.steps_of(invoice, rules)
        return steps[policy_id]

    @property
    def invoices_to_call_about(self) -> set[uuid.UUID]:
        """Ids of the debtor's invoices for which a call is to be made."""
        return self._read.invoices_to_call_about

    def minimum(self, currency: str) -> Decimal:
        """Return the amount below which no reminder asks for money in this currency, or 0."""
        return self._read.minimums.get(currency, Decimal(0))

    def party(self, invoice: Invoice) -> DebtorParty:
        """Return the party that an invoice of the debtor names."""
        if invoice.party not in self._parties:
            self._parties[invoice.party] = debtor_parties.of_invoice(invoice)
        return self._parties[invoice.party]

    def credit(self, invoice: Invoice) -> dict[str, Decimal]:
        """Return the credit of an invoice's party, by currency."""
        if not self._read.has_credit:
            return {}
        party = self.party(invoice)
        if party.keys not in self._credits:
            self._credits[party.keys] = ledger.credit_of_party(party)
        return self._credits[party.keys]

    def party_invoices(self, invoice: Invoice) -> Sequence[Invoice]:
        """Return the open invoices of an invoice's party."""
        party = self.party(invoice)
        if party.keys not in self._of_party:
            self._of_party[party.keys] = [each for each in self.open_invoices if party.owns(each)]
        return self._of_party[party.keys]

    def coverage(self, invoice: Invoice) -> Coverage:
        """Return the coverage by credit of what an invoice's party owes in the currency of the invoice."""
        party = self.party(invoice)
        key = party.keys, invoice.currency
        if key not in self._coverages:
            self._coverages[key] = Coverage(self.account, party, self.party_invoices(invoice), invoice.currency)
        return self._coverages[key]

    def mentioned(self, invoice: Invoice, row: Communication) -> Mentioned:
        """Return the open invoices that the message `row` about an invoice may mention, in the invoice's currency."""
        by = addresses.kind_of(row.channel)
        own = self._address_of(invoice, by)
        recipient = (row.recipient or own) if own else ""
        named = frozenset(further.of_invoice(invoice, row.kind, by, self.corrections)) - {recipient}
        key = invoice.party, by, recipient, named, row.kind if named else "", invoice.currency
        if key not in self._mentioned:
            invoices = listing.listed_with(self.account, invoice, row, self.open_invoices)
            self._mentioned[key] = Mentioned(invoices, invoice.currency)
        return self._mentioned[key]

    def choose(self, invoice: Invoice, channels: Sequence[str], kind: str) -> addresses.Chosen:
        """Return the channel and the main recipient of messages of this kind about an invoice."""
        key = kind, *channels, *addresses.same_recipients(invoice)
        if key not in self._chosen:
            self._chosen[key] = addresses.choose(
                invoice, channels, corrections=self.corrections, kind=kind, further=self.entries
            )
        return self._chosen[key]

    def attempts_of(self, invoice: Invoice, step: Step) -> Attempts:
        """Return the earlier attempts of a step of an invoice."""
        if self._invoice is not None:
            return attempts.of_step(invoice, step)
        return self._attempts.get(attempts.key_of(invoice, step), Attempts())

    @cached_property
    def _attempts(self) -> Mapping[attempts.Key, Attempts]:
        return attempts.of_debtor(self.debtor.pk)

    def _address_of(self, invoice: Invoice, kind: str) -> str:
        """Return the invoice's own contact, after corrections by staff."""
        if invoice.party not in self._replacements:
            self._replacements[invoice.party] = invoice_contacts.replacements_for(invoice, self.corrections)
        address = invoice.debtor_email if kind == ContactKind.EMAIL else invoice.debtor_phone
        return invoice_contacts.corrected(kind, address, self._replacements[invoice.party])

    @cached_property
    def contacts(self) -> Sequence[dt.datetime]:
        """Times of the recent contacts, in order."""
        if self._given:
            return self._given.contacts
        return limits.contacts(self.debtor.pk, self.now, self.rules)

    @cached_property
    def one_reader_addresses(self) -> frozenset[str]:
        """Addresses of the account that one person reads for several debtors."""
        if not self._read.has_readers:
            return frozenset()
        readers = Address.objects.for_account(self.account).filter(has_one_reader=True)
        return frozenset(readers.order_by().values_list("address", flat=True))

    def contacts_for(self, invoice: Invoice, row: Communication) -> Sequence[dt.datetime]:
        """Return the contacts that limit a message: the debtor's, and those at its addresses that have one reader."""
        concerned = self.read_by_one(invoice, row)
        if not concerned:
            return self.contacts
        found = [limits.contacts_at(self.account.pk, each, self.now, self.rules) for each in concerned]
        # A message that left while this transaction waited for the address counts as sent now.
        others = {min(moment, self.now) for moments in found for moment in moments}
        return sorted({*self.contacts, *others})

    def read_by_one(self, invoice: Invoice, row: Communication) -> list[str]:
        """Return the addresses of a message, also those of its copies, that one person reads for several debtors."""
        if not self.one_reader_addresses:
            return []
        kinds = [addresses.kind_of(row.channel)] if row.recipient else ContactKind.values
        own = {self._address_of(invoice, kind) for kind in kinds}
        found = {row.recipient} if row.recipient else own
        for kind in kinds:
            found |= further.of_invoice(invoice, row.kind, kind, self.corrections).keys()
            found |= further.of_debtor(invoice, self.entries, row.kind, kind).keys()
        return sorted(self.one_reader_addresses & found)

    def place(self, invoice: Invoice) -> Place:
        """Return the location of the debtor, by the phone of the invoice."""
        key = invoice.party, invoice.debtor_phone
        if key not in self._places:
            rules, read = self.rules, self._read
            phone = self._address_of(invoice, ContactKind.PHONE)
            self._places[key] = place_of(
                self.debtor, self.account, phone, opens=rules.opens_at, closes=rules.closes_at, calendar=read.calendar
            )
        return self._places[key]

    def next_allowed(self, moment: dt.datetime, contacts: Sequence[dt.datetime], invoice: Invoice) -> dt.datetime:
        """Return the first time from `moment` on within the contact hours, and the limits after these contacts."""
        key = invoice.party, invoice.debtor_phone, moment, tuple(contacts)
        if key not in self._allowed:
            self._allowed[key] = limits.next_allowed(moment, contacts, self.place(invoice), self.rules)
        return self._allowed[key]


def _reopened_until(invoice: Invoice) -> dt.datetime | None:
    return invoice.not_before if invoice.is_open and not invoice.is_wholly_disputed else None


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
