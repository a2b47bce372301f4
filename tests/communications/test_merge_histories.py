"""Random histories with merges and splits: the money adds up after each step, and no message names another party.

HISTORIES in the environment sets their number, as in test_histories.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import given, note, settings
from hypothesis import strategies as st

from communications.models import Communication
from communications.portal import links
from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.debtors import debtor_parties, merging, splitting
from invoices.errors import Refused
from invoices.models import Allocation, Debtor, DebtorMerge, Invoice, Receipt, ReceiptStatus
from tests import make
from tests.communications.test_histories import HISTORIES, PROVED
from tests.communications.test_parties_apart import late, send_all
from tests.mailserver import MailServer

pytestmark = pytest.mark.properties
COMPANIES = ["Alpha LLC", "Beta LLC", "Gamma FZE", "Delta"]
MAILBOXES = ["books@gmail.com", "pay@delta.ae"]
MOVES = ["create", "amend", "pay", "void", "merge", "merge", "undo", "split", "send"]
Story = list[tuple[str, int]]
STORIES = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 999)), min_size=8, max_size=16)


class Teller:
    """Makes the moves of a story. A move that the rules refuse changes nothing."""

    def __init__(self, account: Account) -> None:
        self.account, self.count = account, 0

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

    def void(self, number: int) -> None:
        if Receipt.objects.exists():
            ledger.void_payment(self.account, self._one(Receipt, number).pk, make.STAFF)

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

    def _one(self, model: Callable[..., Any], number: int) -> Any:
        rows = model.objects.order_by("created_at", "pk")  # type: ignore[attr-defined]
        return rows[number % rows.count()]


def check(account: Account) -> None:
    assert ledger.count_unbalanced(account) == lifecycle.count_underived(account) == 0
    assert merging.stragglers(account) == {}
    for debtor in Debtor.objects.for_account(account):
        receipts = Receipt.objects.filter(debtor=debtor, status=ReceiptStatus.STANDING)
        allocated = Allocation.objects.filter(receipt__in=receipts).aggregate(total=Sum("amount"))["total"] or 0
        credit = sum(ledger.credit_of([debtor.pk]).get(debtor.pk, {}).values())
        assert allocated + credit == (receipts.aggregate(total=Sum("amount"))["total"] or 0)
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
    with transaction.atomic():
        account = make.account()
        teller = Teller(account)
        for move, number in [("create", 0), ("create", 1), ("create", 7), *story, ("send", 0)]:
            teller.make_move(move, number)
            check(account)
        transaction.set_rollback(True)
