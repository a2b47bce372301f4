"""Search for debtors by the beginnings of words."""

import pytest
from django.db import connection

from inflow.accounts.models import Account
from invoices.debtors import finding, searching
from invoices.models import Debtor
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account()


def debtor(account: Account, **values: str) -> Debtor:
    made: Debtor = Debtor.objects.create(account=account, **values)
    return made


@pytest.mark.parametrize(
    "text",
    [
        *("gulf", "TRAD", "gulf ahm", "ahmed@gulftrading.ae", "gulftrading.ae", "Al-Rashid", "rashid, ahmed"),
        *("4567", "050 123 4567", "+971501234567", "00971501234567", "٤٥٦٧"),
    ],
)
def test_a_debtor_is_found_by_the_beginnings_of_its_words_and_the_end_of_its_phone(text: str, account: Account) -> None:
    found = debtor(
        account,
        name="Ahmed Al-Rashid",
        company="Gulf/Trading (LLC)",
        email="ahmed@gulftrading.ae",
        phone="+971501234567",
    )
    debtor(account, name="Omar Haddad", email="omar@haddad.ae", phone="+971507654321")
    debtor(make.account("Other"), name="Ahmed Rashid", company="Gulf Trading", phone="+971501234567")
    assert [*Debtor.objects.filter(searching.matching(account.pk, text))] == [found]


@pytest.mark.parametrize("text", ["ulf", "gulf omar", "971", "--", "'", "\\", "&|!", "a' | 'b", "'':*", "%"])
def test_nothing_else_is_found_whatever_the_text(text: str, account: Account) -> None:
    debtor(account, name="Ahmed", company="Gulf", phone="+971501234567")
    assert not Debtor.objects.filter(searching.matching(account.pk, text)).exists()


def test_the_account_is_not_found_as_a_word(account: Account) -> None:
    debtor(account, name="Ahmed", company="Gulf", phone="+971501234567")
    for length in (1, 2, 8, 36):
        assert not Debtor.objects.filter(searching.matching(account.pk, str(account.pk)[:length])).exists()


@pytest.mark.parametrize("text", ["راشد", "الراشد", "أحمد", "احمد", "اَحمَد", "شركة", "شركه"])
def test_arabic_words_are_found_with_or_without_article_and_marks(text: str, account: Account) -> None:
    found = debtor(account, name="أحمد الراشد", company="شركة الخليج")
    assert [*Debtor.objects.filter(searching.matching(account.pk, text))] == [found]
    assert [*Debtor.objects.filter(searching.matching(None, text))] == [found]


def test_a_debtor_is_found_by_its_external_id_and_by_an_email_of_its_invoices(account: Account) -> None:
    found = make.invoice(account, debtor_name="Ahmed", debtor_email="ahmed@x.example").debtor
    finding.add_external_id(found, "C-77")
    Debtor.objects.filter(pk=found.pk).update(email="")
    for text in ("C-77", "AHMED@X.example"):
        assert [*Debtor.objects.filter(searching.matching(account.pk, text))] == [found], text
    assert not Debtor.objects.filter(searching.matching(make.account("Other").pk, "C-77")).exists()


def test_the_index_answers_the_search(account: Account) -> None:
    rows = Debtor.objects.filter(searching.matching(account.pk, "gulf"))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
    assert "debtor_by_words" in rows.explain()
