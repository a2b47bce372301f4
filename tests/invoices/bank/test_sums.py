"""One transfer that was recorded by hand as several payments is recognized, and is no new money."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor, wait
from decimal import Decimal

import pytest
from django.db import connection, transaction

from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.bank import posting
from invoices.bank.proposals import Action, reasons_shown, stored
from invoices.errors import Refused
from invoices.models import Payment, Receipt, ReceiptStatus
from invoices.models.bank import BankLine, LineState
from tests import make
from tests.invoices.bank.samples import table
from tests.invoices.bank.uploads import matched

pytestmark = pytest.mark.django_db

DAY = dt.date(2026, 11, 20)
NAME = "Gulf Trading LLC"


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def by_hand(
    account: Account, number: str, amount: str, reference: str = "", paid: str = "", name: str = NAME
) -> Receipt:
    """Record a payment by hand. It pays an invoice of the amount, unless `paid` is less."""
    made = make.invoice(account, invoice_number=number, amount=Decimal(amount), debtor_company=name, debtor_name=name)
    payment = lifecycle.record_payment(
        account, made.pk, make.STAFF, amount=Decimal(paid or amount), reference=reference, paid_at=DAY
    )
    return Receipt.objects.get(pk=payment.pk)


def three(account: Account, reference: str = "") -> list[Receipt]:
    return [by_hand(account, f"INV-100{place}", f"{place}00", reference) for place in (1, 2, 3)]


def came(account: Account, text: str, amount: str = "600.00") -> BankLine:
    (line,) = matched(account, table([(20, text, amount)]))
    return line


def linked(line: BankLine) -> list[str]:
    proposal = stored(line)[0]
    assert proposal.action == Action.LINK
    return sorted(proposal.receipts)


def ids(receipts: list[Receipt]) -> list[str]:
    return sorted(str(receipt.pk) for receipt in receipts)


@pytest.mark.parametrize("text", ["INV-1001 INV-1002 INV-1003", f"TT BY ORDER OF {NAME}"])
def test_the_sum_of_payments_recorded_by_hand_is_already_recorded(account: Account, text: str) -> None:
    receipts = three(account)
    line = came(account, text)
    assert (line.state, line.certainty) == (LineState.PROPOSED, "likely")
    assert linked(line) == ids(receipts)
    assert "3 payments" in reasons_shown(stored(line)[0])
    assert all(each.certainty == "possible" for each in stored(line)[1:])


def test_it_is_confirmed_without_recording_money_and_a_payment_is_of_one_line(account: Account) -> None:
    receipts = three(account)
    line = came(account, NAME)
    posting.accept(account, line, stored(line)[0], make.STAFF)
    line.refresh_from_db()
    assert (line.state, line.result) == (LineState.POSTED, "linked")
    assert ids(line.payments) == ids(receipts)
    assert Payment.objects.for_account(account).count() == 3
    again = next(each for each in matched(account, table([(21, NAME, "600.00")])) if each.is_to_do)
    assert all(each.action != Action.LINK for each in stored(again))
    with pytest.raises(Refused, match="another bank line"):
        posting.link(account, again.pk, [receipt.pk for receipt in receipts], make.STAFF)
    for receipt in receipts:
        one = next(
            each
            for each in matched(account, table([(22, f"single {receipt.amount}", f"{receipt.amount:.2f}")]))
            if each.amount == receipt.amount and each.is_to_do
        )
        with pytest.raises(Refused, match="another bank line"):
            posting.link(account, one.pk, [receipt.pk], make.STAFF)


def test_payments_with_the_banks_reference_are_linked_without_a_person(account: Account) -> None:
    receipts = three(account, "FT26307ABC1")
    line = came(account, "TT FT26307ABC1")
    assert (line.state, line.result) == (LineState.POSTED, "linked")
    assert ids(line.payments) == ids(receipts)


def test_some_of_the_payments_of_the_day_are_enough(account: Account) -> None:
    receipts = three(account)
    assert linked(came(account, NAME, "500.00")) == ids(receipts[1:])


def test_equal_payments_are_chosen_by_age_and_only_possible(account: Account) -> None:
    for place in (1, 2, 3):
        by_hand(account, f"INV-100{place}", "100")
    line = came(account, NAME, "200.00")
    assert (len(linked(line)), line.certainty) == (2, "possible")


def test_an_exact_payment_of_an_open_invoice_stays_new_money(account: Account) -> None:
    three(account)
    make.invoice(account, invoice_number="INV-2001", amount=600, debtor_company=NAME, debtor_name=NAME)
    line = came(account, "INV-2001")
    assert (line.certainty, stored(line)[0].action) == ("certain", Action.RECEIVE)


def test_payments_of_another_debtor_or_another_week_are_not_added(account: Account) -> None:
    by_hand(account, "INV-1001", "100")
    by_hand(account, "INV-1002", "200", name="Desert Rose FZE")
    assert all(each.action != Action.LINK for each in stored(came(account, NAME, "300.00")))
    by_hand(account, "INV-1003", "200")
    late = next(each for each in matched(account, table([(28, NAME, "300.00")])) if each.day.day == 28)
    assert all(each.action != Action.LINK for each in stored(late))


def test_a_void_of_one_of_the_payments_puts_the_line_back_and_frees_the_others(account: Account) -> None:
    receipts = three(account)
    line = came(account, NAME)
    posting.accept(account, line, stored(line)[0], make.STAFF)
    ledger.void_payment(account, receipts[1].pk, make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do
    assert line.payments == []
    with pytest.raises(Refused, match="no longer"):
        posting.accept(account, line, stored(line)[0], make.STAFF)


def test_undo_unlinks_all_and_voids_none(account: Account) -> None:
    three(account)
    line = came(account, NAME)
    for _time in range(2):
        line.refresh_from_db()
        posting.accept(account, line, stored(line)[0], make.STAFF)
        posting.undo(account, line.pk, make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do
    assert line.payments == []
    assert set(Receipt.objects.for_account(account).values_list("status", flat=True)) == {ReceiptStatus.STANDING}


def test_payments_whose_sum_is_another_are_refused(account: Account) -> None:
    receipts = three(account)
    line = came(account, NAME)
    with pytest.raises(Refused, match="no longer"):
        posting.link(account, line.pk, [receipt.pk for receipt in receipts[:2]], make.STAFF)
    assert posting.certain([line]) == []


@pytest.mark.django_db(transaction=True)
def test_a_line_is_not_linked_to_payments_of_which_one_is_being_voided() -> None:
    account = make.account()
    receipts = three(account)
    line = came(account, NAME)

    def link() -> str:
        try:
            posting.accept(account, line, stored(line)[0], make.STAFF)
            return "linked"
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ledger.void_payment(account, receipts[2].pk, make.STAFF)
            linking = pool.submit(link)
            wait([linking], timeout=0.3)
            assert not linking.done()
        assert linking.result(timeout=10) == "changed"
    line.refresh_from_db()
    assert line.is_to_do
    assert line.payments == []
