"""Which invoices a bank line is proposed for, how certain that is, and why."""

import datetime as dt
import random
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inflow.accounts.models import Account
from invoices import ledger, lifecycle
from invoices.bank import matching, numbers, posting
from invoices.bank.proposals import Action, Proposal, reasons_shown, stored
from invoices.models import Debtor, Invoice, Payment, Receipt, Status
from invoices.models.bank import BankLine, LineState
from tests import make
from tests.invoices.bank.samples import mt940, sample, table
from tests.invoices.bank.uploads import lines, matched

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(db: None) -> Account:
    return make.account()


def invoice(
    account: Account, number: str, amount: str = "1000", company: str = "Gulf Trading LLC", **given: Any
) -> Invoice:
    email = f"pay@{''.join(company.split()).lower()}.example"
    return make.invoice(
        account, invoice_number=number, amount=amount, debtor_company=company, debtor_email=email, **given
    )


def only(account: Account, content: str | bytes, **options: str) -> BankLine:
    (line,) = matched(account, content, **options)
    return line


def came(account: Account, text: str, amount: str = "1000.00", **options: str) -> BankLine:
    """A line of a CSV with this text."""
    return only(account, table([(20, text, amount)], **options))


def first(line: BankLine) -> Proposal:
    return stored(line)[0]


def shares(line: BankLine) -> dict[str, Decimal]:
    """What the first proposal pays, by invoice number."""
    paid = dict(first(line).shares())
    return {each.invoice_number: paid[each.pk] for each in Invoice.objects.filter(pk__in=paid)}


def codes(line: BankLine) -> list[str]:
    return [code for code, _params in first(line).reasons]


# --- Numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("INV-2026-0042", "PAYMENT FOR INV 2026 0042 OCT"),
        ("INV-2026-0042", "inv2026/0042"),
        ("INV/2026/0042", "settlement INV.2026.0042, thanks"),
        ("2026-118", "Factuur 2026-118"),
        ("فاتورة-12345", "سداد فاتورة ١٢٣٤٥"),
        ("R10045", "RE:R10045/KD 7"),
    ],
)
def test_a_number_is_found_however_the_bank_writes_it(account: Account, number: str, text: str) -> None:
    invoice(account, number)
    line = came(account, text)
    assert shares(line) == {number: Decimal(1000)}
    assert line.certainty == "certain"
    assert codes(line)[:2] == ["number", "exact"]


def test_a_text_with_a_number_of_no_invoice_proposes_nothing(account: Account) -> None:
    invoice(account, "INV-1001", "77")
    assert came(account, "INV-1002").state == LineState.OPEN


def test_several_numbers_in_a_line_are_one_transfer_over_several_invoices(account: Account) -> None:
    for number, amount in (("INV-1001", "400"), ("INV-1002", "350"), ("INV-1003", "250")):
        invoice(account, number, amount)
    line = came(account, "INV-1001, INV-1002 and INV-1003")
    assert shares(line) == {"INV-1001": Decimal(400), "INV-1002": Decimal(350), "INV-1003": Decimal(250)}
    assert line.certainty == "certain"


def test_less_than_the_balance_is_a_part_and_more_leaves_credit(account: Account) -> None:
    invoice(account, "INV-1001")
    line = came(account, "INV-1001", "990.00")
    assert (line.certainty, shares(line)) == ("likely", {"INV-1001": Decimal(990)})
    assert "AED 10.00 less than the balance" in reasons_shown(first(line))
    other = make.account()
    invoice(other, "INV-1001")
    line = came(other, "INV-1001", "1200.00")
    assert (line.certainty, shares(line)) == ("likely", {"INV-1001": Decimal(1000)})
    assert "more" in codes(line)


def test_invoices_of_several_debtors_are_never_certain(account: Account) -> None:
    invoice(account, "INV-1001", "600")
    invoice(account, "INV-1002", "400", "Other Company LLC")
    line = came(account, "INV-1001 INV-1002")
    assert (line.certainty, len(shares(line))) == ("likely", 2)
    assert "several_debtors" in codes(line)


def test_the_longer_number_wins_over_a_number_within_it(account: Account) -> None:
    invoice(account, "INV-1001")
    invoice(account, "10012026")
    line = came(account, "INV-1001-2026 INV-1001")
    assert "INV-1001" in shares(line)


def test_a_number_in_another_currency_is_not_proposed(account: Account) -> None:
    invoice(account, "INV-US-99", "920.50", currency="USD")
    found = matched(account, sample("german.sta"))
    line = next(line for line in found if line.amount == Decimal("920.50"))
    assert (line.currency, line.original_currency) == ("EUR", "USD")
    assert line.state == LineState.OPEN


def test_a_short_number_counts_only_with_the_exact_amount(account: Account) -> None:
    invoice(account, "12", "1000")
    invoice(account, "77", "55")
    line = came(account, "Unit 12 Marina 77")
    assert (line.certainty, shares(line)) == ("likely", {"12": Decimal(1000)})
    assert "weak" in codes(line)


def test_a_second_payment_of_the_same_invoice_needs_a_person(account: Account) -> None:
    invoice(account, "INV-1001")
    found = matched(account, table([(20, "INV-1001", "1000.00"), (21, "INV-1001", "1000.00")]))
    assert [line.certainty for line in found] == ["certain", "possible"]
    assert "claimed" in codes(found[1])


def test_a_number_of_a_closed_invoice_proposes_credit_of_its_debtor(account: Account) -> None:
    paid = invoice(account, "INV-1001")
    long_ago = account.today() - dt.timedelta(days=300)
    lifecycle.record_payment(account, paid.pk, make.STAFF, amount=Decimal(1000), paid_at=long_ago)
    line = came(account, "INV-1001", "500.00")
    assert (line.certainty, first(line).debtor, first(line).allocations) == ("possible", str(paid.debtor_id), [])
    assert codes(line) == ["closed"]


@pytest.mark.parametrize("word", ["2026", "20261103", "031126", "12", "a1"])
def test_words_that_occur_by_chance_are_weak(word: str) -> None:
    assert numbers.is_weak(word)


@pytest.mark.parametrize("word", ["inv1", "10045", "r10045", "2026118", "99999999"])
def test_words_that_do_not_occur_by_chance_are_numbers(word: str) -> None:
    assert not numbers.is_weak(word)


# --- Payers ------------------------------------------------------------------------------------------------------


def payer(
    account: Account, name: str, amount: str, number: str = "", text: str = "transfer", ref: str = "R1"
) -> BankLine:
    """A line with the payer's name and account."""
    content = (
        "Account,Date,Description,Payer,Payer IBAN,Amount,Currency,Reference\n"
        f'12345,2026-11-20,"{text}","{name}",{number},{amount},AED,REF-{ref}\n'
    )
    matched(account, content)
    return BankLine.objects.get(account=account, bank_reference=f"REF-{ref}")


def test_the_payers_name_and_the_balance_of_one_invoice(account: Account) -> None:
    invoice(account, "INV-1001", "700")
    invoice(account, "INV-1002", "800")
    invoice(account, "INV-9", "700", "Other Company LLC")
    line = payer(account, "GULF TRADING L.L.C.", "700.00")
    assert (line.certainty, shares(line)) == ("likely", {"INV-1001": Decimal(700)})
    assert codes(line) == ["same_name", "exact"]


def test_a_similar_name_is_enough_for_a_proposal(account: Account) -> None:
    invoice(account, "INV-1001", "700", "Al Noor Contracting Establishment")
    line = payer(account, "AL NOOR CONTRACTNG ESTABLISHMENT", "700.00")
    assert (line.certainty, codes(line)) == ("likely", ["similar_name", "exact"])
    assert "Al Noor Contracting Establishment" in reasons_shown(first(line))


def test_a_name_in_free_text(account: Account) -> None:
    invoice(account, "INV-1001", "700", "Desert Rose Catering")
    line = came(account, "INWARD TT DESERT ROSE CATERING DUBAI", "700.00")
    assert (line.certainty, codes(line)) == ("likely", ["name_in_text", "exact"])


def test_everything_that_a_debtor_owes_and_the_sum_of_some_invoices(account: Account) -> None:
    for place, amount in enumerate(("100", "230", "470"), 1):
        invoice(account, f"INV-100{place}", amount, due_in=place)
    line = payer(account, "Gulf Trading LLC", "800.00")
    assert (line.certainty, len(shares(line)), codes(line)[-1]) == ("likely", 3, "all")
    line = payer(account, "Gulf Trading LLC", "570.00", ref="R2")
    assert (set(shares(line)), codes(line)[-1]) == ({"INV-1001", "INV-1003"}, "sum")


def test_two_sums_that_fit_are_not_chosen_between(account: Account) -> None:
    for place, amount in enumerate(("400", "100", "200", "300"), 1):
        invoice(account, f"INV-100{place}", amount, due_in=place)
    line = payer(account, "Gulf Trading LLC", "300.00")
    assert codes(line) == ["same_name", "exact"]
    invoice(account, "INV-1005", "150", due_in=9)
    line = payer(account, "Gulf Trading LLC", "350.00", ref="R2")
    assert (line.certainty, codes(line)[-1]) == ("likely", "sum")
    invoice(account, "INV-1006", "50", due_in=9)
    line = payer(account, "Gulf Trading LLC", "350.00", ref="R3")
    assert (line.certainty, codes(line)[-1]) == ("possible", "oldest")


def test_an_account_that_paid_for_a_debtor_before_is_remembered(account: Account) -> None:
    invoice(account, "INV-1001", "700", "Very Different Name LLC")
    mine = invoice(account, "INV-1002", "800", "Very Different Name LLC")
    iban = "AE460090000000123456789"
    line = payer(account, "Holding", "700.00", iban, "INV-1001")
    assert line.certainty == "certain"
    posting.accept(account, line, first(line), make.STAFF)
    line = payer(account, "Holding", "800.00", iban, ref="R2")
    assert (line.certainty, codes(line)) == ("likely", ["account", "exact"])
    assert first(line).debtor == str(mine.debtor_id)


def test_an_amount_alone_is_only_possible(account: Account) -> None:
    invoice(account, "INV-1001", "713.37")
    line = came(account, "transfer", "713.37")
    assert (line.certainty, codes(line)) == ("possible", ["one_balance"])


def test_many_invoices_with_the_amount_propose_none(account: Account) -> None:
    for place in range(4):
        invoice(account, f"INV-100{place}", "700", f"Company {'abcd'[place]}")
    assert came(account, "transfer", "700.00").state == LineState.OPEN


# --- Money that is recorded already ------------------------------------------------------------------------------


def manual(account: Account, number: str = "INV-1001", amount: str = "1000", reference: str = "") -> Receipt:
    made = invoice(account, number, amount)
    payment = lifecycle.record_payment(
        account, made.pk, make.STAFF, amount=Decimal(amount), reference=reference, paid_at=dt.date(2026, 11, 20)
    )
    return Receipt.objects.get(pk=payment.pk)


def test_a_payment_recorded_by_hand_with_the_reference_is_recognized_and_not_recorded_again(account: Account) -> None:
    receipt = manual(account, reference="FT26307ABC1")
    line = came(account, "TT FT26307ABC1 GULF")
    assert (line.state, line.result, line.receipt) == (LineState.POSTED, "linked", receipt)
    assert Payment.objects.for_account(account).count() == 1


def test_a_payment_whose_reference_is_only_an_invoice_number_is_asked_about(account: Account) -> None:
    manual(account, reference="INV-1001")
    line = came(account, "INV-1001")
    assert (line.state, first(line).action, line.certainty) == (LineState.PROPOSED, Action.LINK, "likely")


def test_a_payment_with_the_banks_identifier_is_recognized(account: Account) -> None:
    made = invoice(account, "INV-1001")
    ledger.record_receipt(
        account,
        make.API,
        debtor_id=None,
        amount=Decimal(1000),
        currency="AED",
        paid_at=dt.date(2026, 11, 1),
        bank_id="REF-R1",
        allocations=[(made.pk, Decimal(1000))],
    )
    line = payer(account, "somebody", "1000.00")
    assert (line.state, line.result) == (LineState.POSTED, "linked")


def test_a_payment_of_the_same_amount_and_day_is_asked_about_and_never_posted_by_itself(account: Account) -> None:
    receipt = manual(account)
    line = came(account, "INV-1001")
    assert (line.state, first(line).action, first(line).receipt) == (LineState.PROPOSED, Action.LINK, str(receipt.pk))
    assert line.certainty == "likely"


def test_one_payment_by_hand_is_one_line(account: Account) -> None:
    manual(account, reference="FT26307ABC1")
    found = matched(account, table([(20, "FT26307ABC1", "1000.00"), (20, "FT26307ABC1", "1000.00")]))
    assert sorted(line.state for line in found) == ["open", "posted"]


# --- Money that goes out -----------------------------------------------------------------------------------------


def test_a_returned_line_proposes_the_reversal_of_its_payment(account: Account) -> None:
    invoice(account, "INV-77", "500", currency="EUR", company="Muster Handelsgesellschaft mbH")
    invoice(account, "INV-78", "500", currency="EUR", company="Muster Handelsgesellschaft mbH")
    found = matched(account, sample("german.sta"))
    second = next(line for line in found if line.bank_reference == "2611030002" and line.amount > 0)
    posting.accept(account, second, first(second), make.STAFF)
    returned = next(line for line in found if line.amount == -500)
    matching.match(account, [returned])
    returned.refresh_from_db()
    second.refresh_from_db()
    assert (first(returned).action, first(returned).receipt) == (Action.REVERSE, str(second.receipt_id))
    assert returned.certainty == "certain"
    assert "returned_reference" in codes(returned)


def test_charges_and_payments_to_suppliers_are_left_out_without_a_person(account: Account) -> None:
    line = came(account, "TT CHARGES", "-105.00")
    assert (line.state, line.reason) == (LineState.IGNORED, "")


def test_a_return_without_its_payment_stays_to_do(account: Account) -> None:
    line = came(account, "CHEQUE RETURN 1009", "-300.00")
    assert (line.is_return, line.state) == (True, LineState.OPEN)


def test_our_own_transfer_that_comes_back_pays_no_invoice(account: Account) -> None:
    invoice(account, "INV-1001", "20")
    line = only(account, mt940([(3, "RD20,00", "INV-1001")]))
    assert (line.amount, line.is_return, line.state) == (Decimal(20), True, LineState.OPEN)


# --- Bounds ------------------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_depend_on_lines_or_invoices(account: Account) -> None:
    def queries(count: int, own: Account) -> int:
        for place in range(count):
            invoice(own, f"INV-50{place:02}", str(100 + place))
        rows = [(20, f"INV-50{place:02}", f"{100 + place}.00") for place in range(count)]
        with CaptureQueriesContext(connection) as found:
            matched(own, table(rows))
        return len(found)

    assert queries(3, account) == queries(12, make.account())


def test_a_sum_is_searched_in_bounded_time() -> None:
    chance = random.Random(1)  # noqa: S311
    balances = [Decimal(chance.randint(1, 10**9)) for _ in range(500)]
    owed = [
        matching.OpenInvoice(uuid.uuid4(), "1", uuid.uuid4(), "", "", "AED", balance, dt.date.min)
        for balance in balances
    ]
    assert matching._summed(owed, Decimal(10**12 + 1)) in ((), [])


@pytest.mark.nightly
def test_five_thousand_lines_are_matched_with_a_hundred_thousand_open_invoices(account: Account) -> None:
    debtors = Debtor.objects.bulk_create(
        Debtor(account=account, name=f"Company {n} {n * 7919 % 10007}") for n in range(20_000)
    )
    today = account.today()
    Invoice.objects.bulk_create(
        (
            Invoice(
                account=account,
                debtor=debtors[n % 20_000],
                invoice_number=f"INV-{n:06}",
                debtor_name=debtors[n % 20_000].name,
                party=f"company{n % 20_000}|",
                amount=Decimal(1000 + n),
                currency="AED",
                issue_date=today,
                due_date=today,
                language="en",
                status=Status.NEW,
            )
            for n in range(100_000)
        ),
        batch_size=2_000,
    )
    rows = [(20, f"TT {n} COMPANY {n * 3} REF INV {n * 19:06} OCT", f"{1000 + n * 19}.00") for n in range(5_000)]
    found = matched(account, table(rows))
    assert sum(line.certainty == "certain" for line in found) > 4_500


def test_a_line_that_somebody_handled_meanwhile_is_left_alone(account: Account) -> None:
    invoice(account, "INV-1001")
    line = came(account, "INV-1001")
    posting.ignore(account, line.pk, make.STAFF, reason="Mine.")
    matching.match(account, [line])
    assert lines(account)[0].state == LineState.IGNORED
