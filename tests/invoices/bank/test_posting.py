"""Bank lines become payments once, by a person, and can be taken back."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor, wait
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices import ledger
from invoices.bank import files, posting
from invoices.bank.proposals import stored
from invoices.errors import NotFound, Refused
from invoices.imports.errors import UnreadableFile
from invoices.imports.parsing.bounds import MAX_BYTES
from invoices.models import Debtor, Escalation, Invoice, PaymentSettings, Receipt, ReceiptStatus
from invoices.models.bank import BankFile, BankLine, BankStatement, FileState, LineState
from tests import make
from tests.invoices.bank.samples import mt940, sample, table
from tests.invoices.bank.uploads import WORKER, lines, matched

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def came(account: Account, text: str = "INV-1001", amount: str = "1000.00", day: int = 20) -> BankLine:
    (line,) = matched(account, table([(day, text, amount)]))
    return line


def accepted(account: Account, line: BankLine) -> BankLine:
    posting.accept(account, line, stored(line)[0], make.STAFF)
    line.refresh_from_db()
    return line


def test_a_confirmed_line_is_a_payment_with_the_lines_identifier(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=1000)
    line = accepted(account, came(account))
    receipt = Receipt.objects.get(account=account)
    assert (receipt.amount, receipt.method, receipt.bank_id) == (Decimal(1000), "bank_transfer", line.bank_id)
    assert receipt.paid_at == min(dt.date(2026, 11, 20), account.today())
    assert (line.state, line.receipt, line.actor) == (LineState.POSTED, receipt, make.STAFF.name)
    assert make.again(invoice).status == "paid"


def test_one_transfer_over_three_invoices_leaves_credit(account: Account) -> None:
    for place in (1, 2, 3):
        make.invoice(account, invoice_number=f"INV-100{place}", amount=100 * place)
    line = accepted(account, came(account, "INV-1001 INV-1002 INV-1003", "650.00"))
    assert line.receipt is not None
    assert line.receipt.unallocated == Decimal(50)
    assert set(Invoice.objects.for_account(account).values_list("status", flat=True)) == {"paid"}


def test_a_line_is_posted_once(account: Account) -> None:
    make.invoice(account, invoice_number="INV-1001", amount=1000)
    line = came(account)
    accepted(account, line)
    with pytest.raises(Refused, match="handled in the meantime"):
        posting.accept(account, line, stored(line)[0], make.STAFF)
    assert Receipt.objects.for_account(account).count() == 1


def test_two_equal_payments_of_a_day_are_two_payments(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=1000)
    content = mt940([(20, "C500,00//SAME-REFERENCE", "INV-1001"), (20, "C500,00//SAME-REFERENCE", "INV-1001")])
    for line in matched(account, content):
        posting.record(account, line.pk, make.STAFF, debtor_id=None, allocations=[(invoice.pk, Decimal(500))])
    assert Receipt.objects.for_account(account).count() == 2
    assert make.again(invoice).status == "paid"


def test_instalments_with_one_reference_are_all_recorded(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=100)
    rows = "Account,Date,Description,Amount,Currency,Customer reference\n"
    rows += "".join(
        f"9,2026-11-{day},INV-1001,{amount},AED,ORDER-77\n" for day, amount in ((18, 60), (19, 25), (20, 15))
    )
    for line in matched(account, rows):
        posting.record(account, line.pk, make.STAFF, debtor_id=None, allocations=[(invoice.pk, line.amount)])
    references = (
        Receipt.objects.for_account(account).order_by("paid_at", "created_at").values_list("reference", flat=True)
    )
    assert [reference.partition(" ")[0] for reference in references] == ["ORDER-77"] * 3
    assert len(set(references)) == 3
    assert make.again(invoice).status == "paid"


def test_a_payment_of_the_amount_and_reference_that_was_recorded_by_hand_is_not_recorded_again(
    account: Account,
) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=200)
    ledger.record_payment(
        account, invoice.pk, make.STAFF, amount=Decimal(60), paid_at=account.today(), reference="ORDER-77"
    )
    rows = "Account,Date,Description,Amount,Currency,Customer reference\n9,2026-11-19,INV-1001,{},AED,ORDER-77\n"
    (line,) = matched(account, rows.format("60.00"))
    with pytest.raises(Refused, match="already recorded"):
        posting.record(account, line.pk, make.STAFF, debtor_id=None, allocations=[(invoice.pk, Decimal(60))])
    other = next(line for line in matched(account, rows.format("40.00")) if line.amount == 40)
    posting.record(account, other.pk, make.STAFF, debtor_id=None, allocations=[(invoice.pk, Decimal(40))])
    assert make.again(invoice).balance == 100


def test_undoing_voids_the_payment_and_the_line_can_be_posted_again(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=1000)
    line = accepted(account, came(account))
    posting.undo(account, line.pk, make.STAFF, reason="Wrong invoice.")
    line.refresh_from_db()
    assert (line.state, line.receipt, line.result) == (LineState.PROPOSED, None, "")
    assert make.again(invoice).balance == 1000
    accepted(account, line)
    assert list(Receipt.objects.for_account(account).order_by("created_at").values_list("status", flat=True)) == [
        ReceiptStatus.VOIDED,
        ReceiptStatus.STANDING,
    ]


def test_a_payment_voided_elsewhere_puts_its_line_back(account: Account) -> None:
    make.invoice(account, invoice_number="INV-1001", amount=1000)
    line = accepted(account, came(account))
    assert line.receipt_id
    ledger.void_payment(account, line.receipt_id, make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do


def test_credit_voided_elsewhere_puts_its_line_back_too(account: Account) -> None:
    debtor = make.invoice(account).debtor
    line = came(account, "nothing known", "50.00")
    posting.record(account, line.pk, make.STAFF, debtor_id=debtor.pk)
    assert ledger.credit_of([debtor.pk]) == {debtor.pk: {"AED": Decimal(50)}}
    receipt = Receipt.objects.get(account=account)
    ledger.void_payment(account, receipt.pk, make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do


def test_a_line_that_is_linked_to_a_payment_is_unlinked_without_voiding_it(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=1000)
    payment = ledger.record_payment(
        account, invoice.pk, make.STAFF, amount=Decimal(1000), reference="FT26307ABC1", paid_at=account.today()
    )
    day = account.today()
    (line,) = matched(account, table([(day, "TT FT26307ABC1", "1000.00")]))
    assert (line.state, line.result) == (LineState.POSTED, "linked")
    posting.undo(account, line.pk, make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do
    assert Receipt.objects.get(pk=payment.pk).status == ReceiptStatus.STANDING


def test_a_returned_line_reverses_its_payment_and_opens_a_case(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=500)
    first = mt940([(3, "C500,00//REF-77", "INV-1001")], number="1")
    (line,) = matched(account, first)
    accepted(account, line)
    found = matched(account, mt940([(5, "RC500,00//REF-77", "RETURNED AC04")], number="2", opening="500,00"))
    returned = accepted(account, next(line for line in found if line.amount < 0))
    assert (returned.state, returned.result) == (LineState.POSTED, "reversed")
    assert make.again(invoice).balance == 500
    assert Escalation.objects.get(invoice=invoice).reason == "reversal"
    line.refresh_from_db()
    assert line.state == LineState.POSTED  # the money did come
    with pytest.raises(Refused, match="can't be undone"):
        posting.undo(account, returned.pk, make.STAFF)


def test_a_line_is_ignored_with_a_reason_and_brought_back(account: Account) -> None:
    line = came(account, "interest", "1.00")
    posting.ignore(account, line.pk, make.STAFF, reason="Interest.")
    line.refresh_from_db()
    assert (line.state, line.reason) == (LineState.IGNORED, "Interest.")
    posting.reopen(account, line.pk, make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do


def test_money_that_left_the_account_is_no_payment(account: Account) -> None:
    line = came(account, "charges", "-5.00")
    with pytest.raises(Refused, match="left the account"):
        posting.record(account, line.pk, make.STAFF, debtor_id=make.invoice(account).debtor_id)


def test_a_proposal_that_no_longer_holds_is_refused_and_nothing_is_recorded(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="INV-1001", amount=1000)
    line = came(account)
    ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(600))
    with pytest.raises(Refused, match="above its balance"):
        posting.accept(account, line, stored(line)[0], make.STAFF)
    line.refresh_from_db()
    assert line.is_to_do
    assert Receipt.objects.for_account(account).count() == 1


def test_another_accounts_line_payment_and_debtor_are_not_found(account: Account) -> None:
    other = make.account("Other")
    line = came(account)
    with pytest.raises(NotFound):
        posting.ignore(other, line.pk, make.STAFF, reason="x")
    debtor = make.invoice(other).debtor
    with pytest.raises(Refused, match="no debtor"):
        posting.record(account, line.pk, make.STAFF, debtor_id=debtor.pk)
    payment = ledger.record_payment(other, make.invoice(other).pk, make.STAFF, amount=Decimal(1000))
    with pytest.raises(NotFound):
        posting.link(account, line.pk, [payment.pk], make.STAFF)


def test_a_payment_is_linked_to_one_line(account: Account) -> None:
    invoice = make.invoice(account, invoice_number="X-9", amount=1000)
    payment = ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(10), paid_at=account.today())
    found = matched(account, table([(20, "a", "10.00"), (20, "b", "10.00")]))
    posting.link(account, found[0].pk, [payment.pk], make.STAFF)
    with pytest.raises(Refused, match="another bank line"):
        posting.link(account, found[1].pk, [payment.pk], make.STAFF)


# --- All certain ones --------------------------------------------------------------------------------------------


def test_all_certain_lines_are_confirmed_and_the_others_stay(account: Account) -> None:
    for place in range(1, 4):
        make.invoice(account, invoice_number=f"INV-100{place}", amount=100)
    rows = [(20, "INV-1001", "100.00"), (20, "INV-1002", "100.00"), (20, "INV-1003", "60.00"), (20, "x", "7.77")]
    done, refused = posting.accept_certain(account, matched(account, table(rows)), make.STAFF)
    assert (done, refused) == (2, [])
    assert sorted(line.state for line in lines(account)) == ["open", "posted", "posted", "proposed"]


def test_nothing_is_posted_without_a_person_by_default(account: Account) -> None:
    make.invoice(account, invoice_number="INV-1001", amount=1000)
    assert came(account).state == LineState.PROPOSED


def test_exact_lines_are_posted_if_the_account_switched_that_on(account: Account) -> None:
    PaymentSettings.objects.update_or_create(account=account, defaults={"posts_exact_lines": True})
    for place in range(1, 4):
        make.invoice(account, invoice_number=f"INV-100{place}", amount=100)
    rows = [
        *((20, "INV-1001", "100.00"), (20, "INV-1002", "90.00"), (20, "transfer", "100.00")),
        (20, "INV 1003", "100.00"),  # certain for a person, but the number has a space
    ]
    found = matched(account, table(rows))
    assert [line.text for line in found if line.state == LineState.POSTED] == ["INV-1001"]
    assert Receipt.objects.get(account=account).amount == Decimal(100)


# --- Two people --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_confirm_the_same_line_one_does_and_the_money_is_recorded_once() -> None:
    account = make.account()
    make.invoice(account, invoice_number="INV-1001", amount=1000)
    line = came(account)
    other = make.invoice(account, invoice_number="INV-1002", amount=1000)

    def confirm(way: int) -> str:
        try:
            if way % 2:
                posting.accept(account, line, stored(line)[0], make.STAFF)
            else:
                shares = [(other.pk, Decimal(1000))]
                posting.record(account, line.pk, make.STAFF, debtor_id=other.debtor_id, allocations=shares)
            return "done"
        except Refused:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        results = sorted(pool.map(confirm, range(4)))
    assert results == ["done", "refused", "refused", "refused"]
    assert Receipt.objects.for_account(account).count() == 1
    assert ledger.count_unbalanced(account) == 0


@pytest.mark.django_db(transaction=True)
def test_a_line_is_not_linked_to_a_payment_that_is_being_voided() -> None:
    account = make.account()
    invoice = make.invoice(account, invoice_number="X-9", amount=1000)
    payment = ledger.record_payment(account, invoice.pk, make.STAFF, amount=Decimal(10), paid_at=account.today())
    (line,) = matched(account, table([(20, "a", "10.00")]))

    def link() -> str:
        try:
            posting.link(account, line.pk, [payment.pk], make.STAFF)
            return "linked"
        except Refused as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ledger.void_payment(account, payment.pk, make.STAFF)
            linking = pool.submit(link)
            wait([linking], timeout=0.3)
            assert not linking.done()
        assert linking.result(timeout=10) == "changed"
    line.refresh_from_db()
    assert line.is_to_do


# --- Files -------------------------------------------------------------------------------------------------------


def uploaded(account: Account, content: bytes, **options: Any) -> BankFile:
    person = make.user(account, Role.AGENT)
    file = files.start(account, person, file_name="statement.sta", content=content, **options)
    files.read(file.pk)
    file.refresh_from_db()
    return file


def test_an_uploaded_file_is_read_matched_and_its_content_deleted(account: Account) -> None:
    file = uploaded(account, sample("emirates.sta"))
    assert (file.state, file.statements_found, file.lines_found, file.lines_added) == (FileState.READ, 2, 3, 3)
    assert bytes(file.content) == b""
    assert files.unclaimed() == []
    again = uploaded(account, sample("emirates.sta"))
    assert (again.lines_found, again.lines_added, again.sha256) == (3, 0, file.sha256)


def test_of_a_file_that_is_cut_nothing_is_stored(account: Account) -> None:
    cut = sample("camt_v08.xml")[:-40]
    file = uploaded(account, cut)
    assert file.state == FileState.FAILED
    assert f"line {len(cut.splitlines())}" in file.failure
    assert not BankStatement.objects.exists()
    assert not BankLine.objects.exists()


def test_a_file_is_read_by_one_worker(account: Account) -> None:
    file = files.start(account, make.user(account), file_name="x", content=sample("dutch.sta"))
    claimed = files._claim(file.pk)
    assert claimed is not None
    files.read(file.pk)
    file.refresh_from_db()
    assert file.state == FileState.READING


def test_a_file_whose_workers_die_is_given_up(account: Account) -> None:
    file = files.start(account, make.user(account), file_name="x", content=sample("dutch.sta"))
    BankFile.objects.update(claims=files.MAX_CLAIMS)
    files.read(file.pk)
    file.refresh_from_db()
    assert file.state == FileState.FAILED


def test_a_file_that_is_too_large_is_not_accepted(account: Account) -> None:
    with pytest.raises(UnreadableFile, match="larger than 20 MB"):
        files.start(account, make.user(account), file_name="x", content=b"x" * (MAX_BYTES + 1))
    assert not BankFile.objects.exists()


def test_lines_are_matched_again_with_what_was_registered_since(account: Account) -> None:
    line = came(account)
    assert line.state == LineState.OPEN
    make.invoice(account, invoice_number="INV-1001", amount=1000)
    files.match(account, WORKER)
    line.refresh_from_db()
    assert (line.state, line.certainty) == (LineState.PROPOSED, "certain")


def test_a_merged_debtors_payer_is_proposed_for_the_debtor_that_replaces_it(account: Account) -> None:
    mine = make.invoice(account, invoice_number="INV-1001", amount=700, debtor_company="Old Name LLC")
    kept = make.invoice(account, invoice_number="INV-2001", amount=300, debtor_company="New Name LLC")
    row = "Account,Date,Description,Payer IBAN,Amount,Currency\n9,2026-11-20,{},AE460090000000123456789,{},AED\n"
    (line,) = matched(account, row.format("INV-1001", "700.00"))
    accepted(account, line)
    Debtor.objects.filter(pk=mine.debtor_id).update(merged_into=kept.debtor_id)
    found = matched(account, row.format("transfer", "300.00"))
    line = next(line for line in found if line.text == "transfer")
    assert stored(line)[0].debtor == str(kept.debtor_id)
