"""Random histories of debtors, documents and money: the books balance after each step, and no message names another
party, goes to another party's contact, or to a debtor who is never chased.

HISTORIES in the environment sets their number, as in test_histories.
"""

import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, note, settings
from hypothesis import strategies as st

from communications.models import CollectionSettings, Communication, Copy, MinimumBalance, PolicyRule
from communications.portal import links
from communications.schedule import policies, replanning
from inflow.accounts.models import Account
from inflow.restores import highwater, stores
from invoices import credit_notes, ledger, lifecycle
from invoices.bank import posting
from invoices.bank.proposals import stored
from invoices.debtors import debtor_parties, editing, merging, parties, splitting
from invoices.errors import Refused
from invoices.models import OPEN, Contact, CreditNote, Debtor, DebtorMerge, Invoice, Receipt
from invoices.reconciliation import comparing, correcting
from invoices.reconciliation.comparing import Item
from tests import make
from tests.communications.test_histories import HISTORIES, PROVED
from tests.communications.test_parties_apart import late, send_all
from tests.invoices.test_money_histories import books_are_balanced
from tests.mailserver import MailServer

pytestmark = pytest.mark.properties
COMPANIES = ["Alpha LLC", "Beta LLC", "Gamma FZE", "Delta"]
MAILBOXES = ["books@gmail.com", "pay@delta.ae"]
MOVES = ["create", "amend", "merge", "merge", "undo", "split", "send"]
MOVES += ["pay", "receive", "void", "reverse", "issue_note", "void_note", "apply", "cancel", "confirm_line", "correct"]
MOVES += ["add_contact", "never_chase", "chase_again", "choose_policy", "add_rule", "set_minimum"]
Story = list[tuple[str, int]]
STORIES = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 999)), min_size=8, max_size=20)


class Teller:
    """Makes the moves of a story. A move that the rules refuse changes nothing."""

    def __init__(self, account: Account) -> None:
        self.account, self.count = account, 0
        self.person = make.user(account)
        self.policies = [policies.default_for(account), policies.create(account, "Other")]
        # The party to which each further contact belongs.
        self.contacts: dict[str, str] = {}

    def make_move(self, move: str, number: int) -> None:
        try:
            with transaction.atomic():
                getattr(self, move)(number)
        except Refused as refusal:
            note(f"{move} {number}: {refusal.code}")

    def create(self, number: int) -> None:
        self.count += 1
        company, mailbox = COMPANIES[number % 4], MAILBOXES[number // 4 % 2]
        late(self.account, company, f"NO-{self.count}-X", debtor_email=mailbox)

    def amend(self, number: int) -> None:
        changes = {"debtor_company": COMPANIES[number % 4], "debtor_email": MAILBOXES[number // 4 % 2]}
        lifecycle.amend(self.account, self._one(Invoice, number).pk, make.STAFF, changes)

    def pay(self, number: int) -> None:
        amount = Decimal(number * 40 + 1)
        lifecycle.record_payment(self.account, self._one(Invoice, number).pk, make.STAFF, amount=amount)

    def receive(self, number: int) -> None:
        """One transfer pays several invoices of a debtor, and may leave credit."""
        debtor, left = self._one(Debtor, number), Decimal(number * 90 + 1)
        parts = []
        for invoice in Invoice.objects.filter(debtor=debtor, status__in=OPEN).order_by("due_date", "pk")[:3]:
            if part := min(left, invoice.balance):
                parts.append((invoice.pk, part))
                left -= part
        values = {"debtor_id": debtor.pk, "amount": Decimal(number * 90 + 1), "currency": "AED"}
        ledger.record_receipt(
            self.account,
            make.STAFF,
            paid_at=self.account.today(),
            reference=f"FT-{number}",
            allocations=parts,
            **values,
        )

    def void(self, number: int) -> None:
        if Receipt.objects.exists():
            ledger.void_payment(self.account, self._one(Receipt, number).pk, make.STAFF)

    def reverse(self, number: int) -> None:
        if Receipt.objects.exists():
            ledger.reverse_payment(self.account, None, self._one(Receipt, number).pk, make.STAFF)

    def issue_note(self, number: int) -> None:
        invoice = self._one(Invoice, number)
        credit_notes.issue(
            self.account,
            make.STAFF,
            number=f"CN-{number}",
            date=self.account.today(),
            amount=Decimal(number * 30 + 1),
            currency="AED",
            invoice_id=invoice.pk if number % 2 else None,
            debtor_id=invoice.debtor_id,
            open_remainder=bool(number % 3),
        )

    def void_note(self, number: int) -> None:
        if CreditNote.objects.exists():
            credit_notes.void(self.account, self._one(CreditNote, number).pk, make.STAFF)

    def apply(self, number: int) -> None:
        ledger.apply_credit(self.account, self._one(Invoice, number).pk, make.STAFF, key=uuid.uuid4())

    def cancel(self, number: int) -> None:
        lifecycle.change(self.account, self._one(Invoice, number).pk, make.STAFF, status="cancelled")

    def confirm_line(self, number: int) -> None:
        """A bank line names an invoice, and a person confirms its first proposal."""
        invoice = self._one(Invoice, number)
        amount = invoice.balance if number % 2 else Decimal(number + 1)
        if amount:
            line = make.bank_line(self.account, self.person, invoice.invoice_number, amount)
            for proposal in stored(line)[:1]:
                posting.accept(self.account, line, proposal, make.STAFF)

    def correct(self, number: int) -> None:
        """The books differ in one invoice: it is closed there, or its balance is lower."""
        chosen = self._one(Invoice, number)
        items = []
        for invoice in Invoice.objects.for_account(self.account).filter(status__in=OPEN):
            balance = invoice.balance if invoice.pk != chosen.pk else invoice.balance // 2
            if invoice.pk != chosen.pk or (number % 2 and balance):
                items.append(Item(invoice.invoice_number, "AED", balance, None))
        stored, _ = comparing.record(self.account, items, make.STAFF, source="upload", complete=["AED"])
        for difference in stored.differences.order_by("pk")[:1]:
            correcting.correct(self.account, difference.pk, make.STAFF)

    def add_contact(self, number: int) -> None:
        debtor = self._one(Debtor, number)
        self.count += 1
        email = f"copy{self.count}@example.com"
        known = Contact.objects.filter(debtor=debtor)
        rows = [editing.ContactValues(email=each.email, phone=each.phone, id=each.pk) for each in known]
        editing.change(self.account, debtor.pk, make.STAFF, {}, contacts=[*rows, editing.ContactValues(email=email)])
        theirs = debtor_parties.of(Debtor.objects.select_related("account").get(pk=debtor.pk))
        own = parties.of(debtor.name, debtor.company).key
        self.contacts[email] = min(theirs[0].keys) if len(theirs) == 1 and theirs[0].keys else own

    def never_chase(self, number: int) -> None:
        editing.never_chase(self.account, self._one(Debtor, number).pk, make.STAFF, "A sister company.")

    def chase_again(self, number: int) -> None:
        editing.chase_again(self.account, self._one(Debtor, number).pk, make.STAFF)

    def choose_policy(self, number: int) -> None:
        values = {"policy": [None, *self.policies][number % 3]}
        editing.change(self.account, self._one(Debtor, number).pk, make.STAFF, values)

    def add_rule(self, number: int) -> None:
        PolicyRule.objects.create(
            account=self.account, currency="AED", min_amount=number, policy=self.policies[number % 2]
        )
        replanning.run_requested(self.account)

    def set_minimum(self, number: int) -> None:
        amount = Decimal(number * 100 + 1)
        MinimumBalance.objects.update_or_create(
            settings_id=self.account.pk, currency="AED", defaults={"amount": amount}
        )
        replanning.run_requested(self.account)

    def merge(self, number: int) -> None:
        loser, winner = self._one(Debtor, number), self._one(Debtor, number // 7)
        merging.merge(self.account, loser.pk, winner.pk, make.STAFF)

    def undo(self, number: int) -> None:
        if DebtorMerge.objects.exists():
            merging.undo(self.account, self._one(DebtorMerge, number).pk, make.STAFF)

    def split(self, number: int) -> None:
        invoice = self._one(Invoice, number)
        splitting.split(self.account, invoice.debtor_id, [invoice.pk], make.STAFF)

    def send(self, number: int) -> None:
        before = set(Communication.objects.filter(sent_at__isnull=False).values_list("pk", flat=True))
        sent = [row for row in send_all(self.account) if row.pk not in before]
        numbers = {each.invoice_number: each for each in Invoice.objects.select_related("account")}
        for row in sent:
            text = f"{row.subject} {row.body} {row.html}"
            own = numbers[row.invoice.invoice_number]
            alike = debtor_parties.groups(self.account, {each.party for each in numbers.values()})[own.party]
            named = set(re.findall(r"NO-\d+-X", text))
            assert {numbers[each].party for each in named} <= alike
            assert {numbers[each].debtor_id for each in named} == {own.debtor_id}
            assert not [each for each in COMPANIES if each in text and each != own.debtor_company]
            copies = Copy.objects.filter(message_id=row.message_id).values_list("recipient", flat=True)
            further = {self.contacts[each] for each in (row.recipient, *copies) if each in self.contacts}
            assert further <= alike
            assert not Debtor.objects.get(pk=own.debtor_id).never_chase
            assert own.is_open

    def _one(self, model: Callable[..., Any], number: int) -> Any:
        rows = model.objects.order_by("created_at", "pk")  # type: ignore[attr-defined]
        return rows[number % rows.count()]


def check(account: Account) -> None:
    assert merging.stragglers(account) == {}
    books_are_balanced(account)
    for debtor in Debtor.objects.for_account(account):
        assert not (debtor.merged_into_id and debtor.invoices.exists())
    for invoice in Invoice.objects.for_account(account).select_related("debtor__account"):
        assert not Communication.objects.filter(invoice=invoice, status="scheduled").exclude(debtor=invoice.debtor)
        link = links.resolve_page(links.page_url_of(invoice, "en").rsplit("/", 1)[1])
        assert link
        assert {each.party for each in link.party.invoices} <= link.party.keys


@pytest.mark.django_db
@settings(PROVED, max_examples=HISTORIES)
@given(story=STORIES)
def test_any_history_with_merges_and_splits_keeps_the_money_and_the_parties(story: Story, mail: MailServer) -> None:
    note(str(story))
    # The rollback of the history before looks like a restored backup, after which nothing is sent.
    stores.PREFIX = f"inflow:mark:{uuid.uuid4().hex}:"
    highwater.forget()
    with transaction.atomic():
        account = make.account()
        CollectionSettings.objects.create(account=account)
        teller = Teller(account)
        for move, number in [("create", 0), ("create", 1), ("create", 7), *story, ("send", 0)]:
            teller.make_move(move, number)
            check(account)
        transaction.set_rollback(True)
