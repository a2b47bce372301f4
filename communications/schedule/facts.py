"""Facts of a debtor on which its messages depend. They are read once and then shared by all of its invoices."""

import datetime as dt
import heapq
import uuid
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from communications.contacts import addresses, further
from communications.contacts.further import Entry
from communications.delivery import listing
from communications.models import Address, CollectionSettings, Communication
from communications.schedule import attempts, limits, ordering, policies, reading
from communications.schedule.attempts import Attempts
from communications.schedule.calendar import Place, place_of
from communications.schedule.covering import Coverage
from communications.schedule.policies import Step
from communications.schedule.sums import Mentioned
from inflow.accounts.models import Account
from invoices import ledger
from invoices.cases import escalations
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors import debtor_parties
from invoices.debtors.contacts import Corrections, Replacements
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import OPEN, ContactKind, Debtor, Invoice


@dataclass(frozen=True, slots=True)
class Given:
    """Facts and recent contacts of a debtor, read together with those of others."""

    read: reading.Reading
    contacts: Sequence[dt.datetime]


class Facts:
    """Facts of a debtor on which all of its messages depend, in addition to the facts of each invoice.

    They are read on first use, so the caller must have written its changes by then. The gate passes the open invoices
    that it has locked, and the time with which it compares: a message that left since then counts as sent at that time.
    """

    def __init__(
        self,
        account: Account,
        debtor: Debtor,
        rules: CollectionSettings,
        open_invoices: Sequence[Invoice] | None = None,
        *,
        now: dt.datetime | None = None,
        invoice: Invoice | None = None,
        given: Given | None = None,
    ) -> None:
        self._given = given
        self.account, self.debtor, self.rules = account, debtor, rules
        self.now = now or account.now()
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
        invoices = list(Invoice.objects.filter(debtor=self.debtor.pk, status__in=OPEN).order_by(*ordering.IN_ORDER))
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
