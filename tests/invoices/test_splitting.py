"""One debtor becomes two."""

from decimal import Decimal
from typing import Any

import pytest

from communications.contacts import addresses
from communications.models import Communication
from inflow.accounts.models import Account, AuditEntry
from invoices import ledger, lifecycle
from invoices.debtors import debtors, merging, splitting
from invoices.errors import NotFound, Refused
from invoices.models import Debtor, Invoice, TimelineEntry
from tests import make
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db


def late(account: Account, number: str, **given: Any) -> Invoice:
    return make.overdue_invoice(account, place=make.open_place(), invoice_number=number, **given)


def two(account: Account) -> tuple[Invoice, Invoice]:
    """Two invoices of one debtor: of its seat in Dubai, and of a branch with an email of its own."""
    seat, branch = late(account, "SEAT-1"), late(account, "BRANCH-1", debtor_email="branch@gulftrading.example")
    assert seat.debtor_id == branch.debtor_id
    return seat, branch


def test_chosen_invoices_move_to_a_new_debtor_with_what_is_planned(account: Account) -> None:
    seat, branch = two(account)
    lifecycle.record_payment(account, branch.pk, make.STAFF, amount=Decimal(30_000))
    split = splitting.split(account, seat.debtor_id, [branch.pk], make.STAFF, reason="Pays by itself.")
    debtor = split.debtor
    assert (debtor.company, debtor.email) == ("Gulf Trading LLC", "branch@gulftrading.example")
    assert make.again(branch).debtor == debtor
    assert make.again(seat).debtor_id == seat.debtor_id
    assert ledger.credit_of([debtor.pk, seat.debtor_id]) == {debtor.pk: {"AED": Decimal(5_000)}}
    assert split.staying == []
    assert not Communication.objects.filter(invoice=branch, status="scheduled").exclude(debtor=debtor).exists()
    assert TimelineEntry.objects.filter(invoice=branch, kind="moved").exists()
    assert TimelineEntry.objects.filter(invoice=seat, kind="others_left").exists()
    assert AuditEntry.objects.get(action="debtor.split").detail == {"into": str(debtor.pk), "invoices": ["BRANCH-1"]}
    assert late(account, "BRANCH-2", debtor_email="branch@gulftrading.example").debtor_id == debtor.pk
    assert ledger.count_unbalanced() == lifecycle.count_underived() == 0


def test_a_receipt_that_also_pays_what_stays_is_named(account: Account) -> None:
    seat, branch = two(account)
    payment = lifecycle.record_payment(account, branch.pk, make.STAFF, amount=Decimal(30_000))
    ledger.apply_credit(account, seat.pk, make.STAFF, key=make.NOWHERE)
    split = splitting.split(account, seat.debtor_id, [branch.pk], make.STAFF)
    assert [each.pk for each in split.staying] == [payment.pk]
    assert split.staying[0].debtor_id == seat.debtor_id


def test_replaced_addresses_and_opt_outs_are_kept(account: Account) -> None:
    seat, branch = two(account)
    debtor = make.again(seat).debtor
    debtors.replace_contact(debtor, "email", "branch@gulftrading.example", "own@branch.ae", make.STAFF)
    debtors.opt_out(account, debtor.pk, make.STAFF, reason="They asked.")
    split = splitting.split(account, debtor.pk, [branch.pk], make.STAFF)
    assert split.debtor.opted_out_at
    assert addresses.choose(make.again(branch), ["email"]).address == "own@branch.ae"


def test_a_merge_by_mistake_can_be_split_later(account: Account) -> None:
    alpha = late(account, "ALPHA-1", debtor_company="Alpha LLC", debtor_email="pay@alpha.ae")
    beta = late(account, "BETA-1", debtor_company="Beta LLC", debtor_email="pay@beta.ae")
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    split = splitting.split(account, beta.debtor_id, [alpha.pk], make.STAFF)
    assert str(split.debtor) == "Ahmed Al Rashid, Alpha LLC"
    assert late(account, "ALPHA-2", debtor_company="Alpha LLC", debtor_email="pay@alpha.ae").debtor == split.debtor
    assert late(account, "BETA-2", debtor_company="Beta LLC", debtor_email="pay@beta.ae").debtor_id == beta.debtor_id


def test_impossible_splits_are_refused_and_change_nothing(account: Account) -> None:
    seat, branch = two(account)
    foreign = late(make.account("Other"), "F-1")
    for chosen, code in (
        ([seat.pk, branch.pk], "all"),
        ([], "unknown"),
        ([foreign.pk], "unknown"),
        ([branch.pk, make.NOWHERE], "unknown"),
    ):
        with nothing_happens(account), pytest.raises(Refused) as refusal:
            splitting.split(account, seat.debtor_id, chosen, make.STAFF)
        assert refusal.value.code == code
    with pytest.raises(NotFound):
        splitting.split(account, foreign.debtor_id, [foreign.pk], make.STAFF)
    assert Debtor.objects.for_account(account).count() == 1
