"""Invoice numbers that look the same are the same, on every way in."""

import sys
import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command

from inflow.accounts.models import Account
from inflow.canonical import canonical, canonical_words
from invoices.imports import phases
from invoices.lifecycle import create
from invoices.models import Invoice, Payment
from invoices.models.imports import Import
from invoices.writing import Refused
from tests import make
from tests.api.client import PLENTY, caller, is_problem
from tests.dashboard.world import linked, logged_in

PLAIN = "Réf-7"
SPELLINGS = [
    "Re\u0301f-7",  # decomposed
    " Réf-7",
    "Réf-7\u00a0\t",
    "Réf\u200b-7",  # zero-width space
    "\ufeffRéf-7",  # byte order mark
    "Ré\u00adf-7",  # soft hyphen
    "R\u200ee\u2060\u0301f-7",  # marks within a letter
    "\u202aRéf-7\u202c",
    "Réf-\x857",
    "Ré\u034ff-7\ufe0f",
    "Réf-7\U000e0001",
    "Re\u0301\u061cf-7 ",
]


@pytest.fixture
def account(db: None) -> Account:
    return make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)


def body(number: str) -> dict[str, Any]:
    return {"invoice_number": number, "debtor_name": "A", "amount": 5, "currency": "AED", "due_date": "2999-01-31"}


def test_the_one_spelling_is_nfc_without_control_and_format_characters_and_trimmed() -> None:
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        is_unseen = unicodedata.category(letter) in ("Cc", "Cf")
        if is_unseen:
            assert canonical(f"a{letter}b") == "ab", hex(code)
        elif letter.isspace():
            assert canonical(f"a{letter}b") == "a b", hex(code)
        elif unicodedata.category(letter)[0] in "LNPS" and canonical(f"a{letter}b") == "ab":
            assert letter in "\u115f\u1160\u3164\uffa0", hex(code)  # Hangul fillers, which are blank
    for number in SPELLINGS:
        assert canonical(number) == PLAIN
        assert canonical(canonical(number)) == PLAIN
    assert canonical("INV 2026/7") == "INV 2026/7"
    assert canonical(" " + "e\u0301" * 1_000) == "e\u0301" * 1_000
    assert canonical_words(" ahmed\t al\u200b  rashid\n") == "ahmed al rashid"


@pytest.mark.parametrize("number", SPELLINGS)
def test_the_api_takes_a_number_in_any_spelling_once(account: Account, number: str) -> None:
    api = caller(account)
    made = api.post("invoices", body(number))
    assert (made.status, made.json["invoice_number"]) == (201, PLAIN)
    for other in (PLAIN, number, SPELLINGS[0], SPELLINGS[3]):
        problem = is_problem(api.post("invoices", body(other)), 422, "duplicate")
        assert made.json["id"] in problem["detail"]
    assert Invoice.objects.count() == 1


@pytest.mark.parametrize(
    "number", ["", " ", "\u200b", "\u00a0\ufeff", "\x7f", "\u3164", "\U000e0001", "\x00", "x" * 65]
)
def test_a_number_of_nothing_that_is_shown_is_refused(account: Account, number: str) -> None:
    is_problem(caller(account).post("invoices", body(number)), 422, field="invoice_number")


@pytest.mark.parametrize("number", SPELLINGS)
def test_filters_and_searches_find_a_number_in_any_spelling(account: Account, number: str) -> None:
    made = make.invoice(account, invoice_number=PLAIN)
    make.invoice(account)
    api = caller(account)
    for query in (f"invoice_number={quote(number)}", f"q={quote(number)}"):
        assert [row["id"] for row in api.get(f"invoices?{query}").json] == [str(made.pk)], query
    client = logged_in(make.user(account))
    page = client.get("/admin/invoices/invoice/", {"q": number}).content.decode()
    assert linked(page, "invoices_invoice") == {str(made.pk)}


@pytest.mark.parametrize("code", SPELLINGS)
def test_the_lists_of_money_and_debtors_find_a_code_in_any_spelling(account: Account, code: str) -> None:
    make.invoice(account, invoice_number=PLAIN)
    api = caller(account)
    paid = {"amount": 10, "currency": "AED", "allocations": [{"invoice_number": PLAIN, "amount": 4}]}
    assert api.post("payments", paid | {"reference": PLAIN, "bank_id": PLAIN}).status == 201
    credit = {"number": PLAIN, "amount": 1, "currency": "AED", "invoice_number": PLAIN}
    assert api.post("credit-notes", credit).status == 201
    assert api.post("debtors", {"name": "Noor", "external_id": PLAIN, "tags": [PLAIN]}).status == 201
    for path in (
        *("payments?invoice_number", "payments?reference", "payments?bank_id"),
        *("credit-notes?invoice_number", "credit-notes?number", "debtors?external_id", "debtors?tag"),
    ):
        assert len(api.get(f"{path}={quote(code)}").json) == 1, path


def test_an_older_reference_is_found_as_it_was_stored(account: Account) -> None:
    api = caller(account)
    invoice = make.invoice(account)
    assert api.post(f"invoices/{invoice.pk}/payments", {"amount": 10, "reference": SPELLINGS[0]}).status == 201
    assert len(api.get(f"payments?reference={quote(SPELLINGS[0])}").json) == 1


def test_a_search_tells_one_space_from_two_and_finds_any_kind_of_them(account: Account) -> None:
    made = make.invoice(account, invoice_number="INV\u00a0 9")
    assert make.again(made).invoice_number == "INV  9"
    api = caller(account)
    for typed in ("INV  9", "INV\u2009\u3000", "inv\u00a0\u00a09"):
        assert [row["id"] for row in api.get(f"invoices?q={quote(typed)}").json] == [str(made.pk)], typed
    assert api.get(f"invoices?q={quote('INV 9')}").json == []


@pytest.mark.parametrize("letter", ["\ufb2c", "\u0958", "\U0001d160"])
def test_a_number_that_is_too_long_in_its_one_spelling_is_refused(account: Account, letter: str) -> None:
    answer = caller(account).post("invoices", body(letter * 64))
    is_problem(answer, 422, "invalid", "invoice_number")
    with pytest.raises(Refused, match="64"):
        create(account, make.new_invoice(account, invoice_number=letter * 64), make.STAFF)
    form = {**body(letter * 64), "amount": "5", "due_date": "2999-01-31"}
    page = logged_in(make.user(account)).post("/admin/invoices/invoice/add/", form)
    assert (page.status_code, "64" in page.content.decode()) == (200, True)
    heads = "invoice,name,email,amount,due"
    imported(account, f"{heads}\n{letter * 64},A,a@a.example,5,2999-01-31", "invoices")
    assert not Invoice.objects.exists()


def test_a_form_and_the_verb_take_it_in_one_spelling(account: Account) -> None:
    make.invoice(account, invoice_number=PLAIN)
    with pytest.raises(Refused, match="already used"):
        create(account, make.new_invoice(account, invoice_number=SPELLINGS[3]), make.STAFF)
    with pytest.raises(Refused):
        create(account, make.new_invoice(account, invoice_number="\u200b"), make.STAFF)
    form = {**body("Inv\u200b-8 "), "amount": "5", "due_date": "2999-01-31"}
    assert logged_in(make.user(account)).post("/admin/invoices/invoice/add/", form).status_code == 302
    assert Invoice.objects.filter(invoice_number="Inv-8").exists()


def imported(account: Account, text: str, kind: str) -> Import:
    file = phases.start(
        account, make.user(account), kind=kind, file_name="x.csv", content=text.encode(), currency="AED"
    )
    while phases.work(file.pk):
        pass
    phases.confirm(file, file.actor)
    while phases.work(file.pk):
        pass
    file.refresh_from_db()
    return file


def test_imports_find_and_make_invoices_in_one_spelling(account: Account) -> None:
    heads = "invoice,name,email,amount,due"
    rows = [f"{number},A,a@a.example,5,2999-01-31" for number in (SPELLINGS[0], SPELLINGS[3], "N\u200b-2")]
    imported(account, "\n".join([heads, *rows]), "invoices")
    assert set(Invoice.objects.values_list("invoice_number", flat=True)) <= {PLAIN, "N-2"}
    assert Invoice.objects.filter(invoice_number="N-2").count() == 1
    imported(account, "invoice,reference,amount\nN-\u20602,FT-1,2\n", "payments")
    assert Payment.objects.get().invoice == Invoice.objects.get(invoice_number="N-2")


# --- Numbers that are stored already ---------------------------------------------------------------------------------


def stored(account: Account, number: str) -> Invoice:
    """An invoice as an older release stored it."""
    made = make.invoice(account)
    Invoice.objects.filter(pk=made.pk).update(invoice_number=number)
    return make.again(made)


def test_the_command_lists_numbers_that_look_the_same_and_changes_nothing(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check_numbers")
    assert capsys.readouterr().out == "All numbers differ.\n"
    for number in (PLAIN, "Re\u0301f-7"):
        stored(account, number)
    stored(make.account("Oryx"), "N\u200b-1")
    call_command("check_numbers", "--account", str(account.pk))
    out = capsys.readouterr().out
    assert "look the same: 1." in out
    assert str(account.pk) in out
    assert Invoice.objects.filter(invoice_number="N\u200b-1").exists()


def test_a_number_that_was_left_as_it_was_is_found_by_it(account: Account) -> None:
    left = stored(account, "Réf\u200b-7")
    stored(account, PLAIN)
    found = caller(account).get("invoices?invoice_number=R%C3%A9f%E2%80%8B-7").json
    assert str(left.pk) in [row["id"] for row in found]


@pytest.mark.parametrize(
    "other", ["INV\u20112026", "INV\u22122026", "INV\uff0d2026", "INV-２０２６", "INV-٢٠٢٦", "ＩＮＶ-2026"]
)
def test_numbers_that_look_alike_are_two_and_are_listed(
    account: Account, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract compares NFC alone: what one client sends must not be refused for what another one sees."""
    api = caller(account)
    made = [api.post("invoices", body(number)) for number in ("INV-2026", other)]
    assert [answer.status for answer in made] == [201, 201]
    api.post("invoices", body("INV-2027"))
    call_command("check_numbers")
    listed = capsys.readouterr().out
    assert "look the same: 1." in listed
    assert all(answer.json["id"] in listed for answer in made)
