"""The debtor of an invoice: of the same party, and joined to it by a contact."""

import io
from functools import partial

import phonenumbers
import pytest
from django.core.management import call_command

from inflow import places
from inflow.accounts.models import Account
from invoices import seeding
from invoices.debtors import contacts, debtor_parties, debtors
from invoices.models import Debtor, Invoice
from invoices.models.identities import ContactCorrection
from tests import make
from tests.parallel import at_once


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"debtor_email": "a@example.com"}, {"debtor_email": "A@Example.com", "debtor_name": "Another"}, True),
        ({"debtor_email": "a@example.com"}, {"debtor_email": "b@example.com"}, False),
        (
            {"debtor_email": "", "debtor_phone": "+971501234567"},
            {"debtor_email": "", "debtor_phone": "+971501234567", "debtor_name": "Another"},
            True,
        ),
        (
            {"debtor_email": "a@example.com", "debtor_phone": "+971501234567"},
            {"debtor_email": "", "debtor_phone": "+971501234567"},
            True,
        ),
        (
            {"debtor_email": "", "debtor_name": "Ahmed", "debtor_company": "Gulf"},
            {"debtor_email": "", "debtor_name": " AHMED ", "debtor_company": "gulf"},
            True,
        ),
        (
            {"debtor_email": "", "debtor_name": "Ahmed", "debtor_company": "Gulf"},
            {"debtor_email": "", "debtor_name": "Ahmed", "debtor_company": "Oryx"},
            False,
        ),
    ],
)
def test_who_is_the_same_debtor(
    account: Account, first: make.InvoiceFields, second: make.InvoiceFields, same: bool
) -> None:
    one, other = make.invoice(account, **first), make.invoice(account, **second)
    assert (one.debtor_id == other.debtor_id) is same
    assert other.debtor_name == second.get("debtor_name", "Ahmed Al Rashid")


P, Q = "+971501234567", "+971509999999"
GMAIL = "books@gmail.com"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        # (company, email, phone)
        (("Alpha LLC", GMAIL, ""), ("Alpha LLC", GMAIL, ""), True),
        (("Alpha LLC", GMAIL, ""), ("ALPHA L.L.C.", "Books@Gmail.com ", ""), True),
        (("Alpha LLC", GMAIL, P), ("Beta LLC", GMAIL, P), False),
        (("Alpha LLC", GMAIL, ""), ("Alpha FZE", GMAIL, ""), False),
        (("Alpha LLC", GMAIL, ""), ("Alpha LLC", "other@gmail.com", ""), False),
        (("Alpha LLC", "ap@alpha.ae", ""), ("Alpha LLC", "cfo@alpha.ae", ""), True),
        (("Alpha LLC", "ap@alpha.ae", ""), ("Alpha LLC", "cfo@mail.alpha.ae", ""), False),
        (("Alpha LLC", "ap@alpha.ae", P), ("Alpha LLC", "ap@other.ae", P), False),
        # The domain is what follows the last @: a quoted name may hold others.
        (("Alpha LLC", "ap@alpha.ae", ""), ("Alpha LLC", '"x@alpha.ae@y"@evil.example', ""), False),
        (("Alpha LLC", "ap@alpha.ae", ""), ("Alpha LLC", '"a@b"@alpha.ae', ""), True),
        (("Alpha LLC", "", P), ("Alpha LLC", "ap@alpha.ae", P), True),
        (("Alpha LLC", "ap@alpha.ae", P), ("Alpha LLC", "", P), True),
        (("Alpha LLC", "", P), ("Alpha LLC", "", P), True),
        (("Alpha LLC", "", P), ("Alpha LLC", "", Q), False),
        (("Alpha LLC", "", P), ("Beta LLC", "", P), False),
        (("Alpha LLC", "", ""), ("Alpha LLC", "", ""), True),
        (("Alpha LLC", "", ""), ("Beta LLC", "", ""), False),
        (("Alpha LLC", "", ""), ("Alpha LLC", GMAIL, ""), False),
        (("Alpha LLC", GMAIL, ""), ("Alpha LLC", "", ""), False),
        (("Alpha LLC", "", ""), ("Alpha LLC", "", P), False),
        # A name without a form is the same while the account knows one form.
        (("Alpha", GMAIL, ""), ("Alpha LLC", GMAIL, ""), True),
        (("Alpha LLC", GMAIL, ""), ("Alpha", GMAIL, ""), True),
    ],
)
def test_the_party_and_a_contact_make_a_debtor(
    account: Account, first: tuple[str, str, str], second: tuple[str, str, str], same: bool
) -> None:
    for one, other in ((first, second), (second, first)):
        fresh = make.account("Another")
        found = [
            make.invoice(fresh, debtor_company=company, debtor_email=email, debtor_phone=phone).debtor_id
            for company, email, phone in (one, other)
        ]
        assert (found[0] == found[1]) is same


def test_a_name_without_a_form_stands_apart_once_two_forms_are_known(account: Account) -> None:
    llc, fze, bare, again = (
        make.invoice(account, debtor_company=company, debtor_email=GMAIL).debtor_id
        for company in ("Gulf LLC", "Gulf FZE", "Gulf", "Gulf")
    )
    assert len({llc, fze, bare}) == 3
    assert bare == again


def test_once_a_debtor_has_an_email_a_phone_no_longer_joins_another(account: Account) -> None:
    first = make.invoice(account, debtor_email="", debtor_phone=P)
    second = make.invoice(account, debtor_email="ap@alpha.ae", debtor_phone=P)
    third = make.invoice(account, debtor_email="ap@other.ae", debtor_phone=P)
    assert first.debtor_id == second.debtor_id != third.debtor_id


def test_of_several_that_match_the_one_with_the_newest_invoice_is_meant(account: Account) -> None:
    one = make.invoice(account, debtor_email="one@gmail.com", debtor_phone=P)
    two = make.invoice(account, debtor_email="two@gmail.com", debtor_phone=P)
    assert make.invoice(account, debtor_email="", debtor_phone=P).debtor_id == two.debtor_id != one.debtor_id
    make.invoice(account, debtor_email="one@gmail.com", debtor_phone=P)
    assert make.invoice(account, debtor_email="", debtor_phone=P).debtor_id == one.debtor_id


@pytest.mark.django_db(transaction=True)
def test_parallel_invoices_of_one_party_find_one_debtor() -> None:
    account = make.account()
    spellings = ["Gulf LLC", "GULF L.L.C.", "Gulf", "gulf llc"] * 2
    calls = [partial(make.invoice, account, debtor_company=company, debtor_email=GMAIL) for company in spellings]
    made = at_once(*calls)
    assert {type(each) for each in made} == {Invoice}, made
    assert Debtor.objects.for_account(account).count() == 1


def test_a_contact_that_staff_replaced_is_replaced_on_the_debtor_s_invoices(account: Account) -> None:
    old, other = make.invoice(account, debtor_email="a@alpha.ae"), make.invoice(account, debtor_email="b@alpha.ae")
    debtor = make.again(old).debtor
    assert other.debtor_id == debtor.pk

    def edit(**changed: str) -> None:
        before = Debtor.objects.get(pk=debtor.pk)
        for name, value in changed.items():
            setattr(debtor, name, value)
        debtor.save()
        debtors.record_edit(before, debtor, make.STAFF)

    def given() -> list[str]:
        return [contacts.address_of(make.again(each), "email") for each in (old, other)]

    edit(email="new@alpha.ae")
    assert given() == ["new@alpha.ae", "b@alpha.ae"]
    edit(email="newest@beta.ae")
    assert given() == ["newest@beta.ae", "b@alpha.ae"]
    # The next invoice finds the debtor by either, and by the new address.
    assert make.invoice(account, debtor_email="a@alpha.ae").debtor_id == debtor.pk
    assert make.invoice(account, debtor_email="newest@beta.ae").debtor_id == debtor.pk
    edit(email="a@alpha.ae")
    assert given() == ["a@alpha.ae", "b@alpha.ae"]
    assert ContactCorrection.objects.filter(old="a@alpha.ae").count() == 0


def test_addresses_are_stored_in_their_one_spelling(account: Account) -> None:
    made = make.invoice(account, debtor_email=" Books@Alpha.AE")
    assert make.again(made).debtor_email == make.again(made).debtor.email == "books@alpha.ae"


def test_the_check_proposes_splits_and_changes_nothing(account: Account) -> None:
    alpha = make.invoice(account, invoice_number="A-1", debtor_company="Alpha LLC")
    beta = make.invoice(account, invoice_number="B-1", debtor_company="Beta LLC")
    out = io.StringIO()
    call_command("check_debtors", stdout=out)
    assert "Each debtor is one party." in out.getvalue()
    Invoice.objects.filter(pk=beta.pk).update(debtor=alpha.debtor_id)  # as one mailbox joined them before
    out = io.StringIO()
    call_command("check_debtors", "--account", str(account.pk), stdout=out)
    said = out.getvalue()
    for shown in ("Falcon", "A-1", "B-1", "Alpha LLC", "Beta LLC", "stays", "new debtor", "several parties: 1"):
        assert shown in said, said
    assert make.again(beta).debtor_id == alpha.debtor_id
    assert len(debtor_parties.of(make.again(alpha).debtor)) == 2


def test_each_account_has_its_own_debtors(account: Account) -> None:
    other = make.account("Oryx")
    assert make.invoice(account).debtor_id != make.invoice(other).debtor_id
    assert Debtor.objects.for_account(account).count() == 1


@pytest.mark.parametrize(
    ("given", "country", "normal"),
    [
        ("+971 50 123 4567", "AE", "+971501234567"),
        ("050 123 4567", "AE", "+971501234567"),
        ("00966501234567", "AE", "+966501234567"),
        ("0501234567", "SA", "+966501234567"),
        ("(212) 555-0100", "US", "+12125550100"),
    ],
)
def test_a_phone_number_is_kept_in_its_international_form(given: str, country: str, normal: str) -> None:
    assert debtors.normalise_phone(given, country) == normal


@pytest.mark.parametrize("given", ["", "call me", "12", "+", "+999123"])
def test_what_is_no_phone_number_is_refused(given: str) -> None:
    with pytest.raises(debtors.InvalidPhone):
        debtors.normalise_phone(given, "AE")


def test_every_country_and_region_of_the_tables_is_known() -> None:
    for rule in seeding.shipped():
        places.known_country(rule["country"])
        if rule["subdivision"]:
            places.known_subdivision(rule["subdivision"])
    assert phonenumbers.SUPPORTED_REGIONS - {"AC", "TA"} <= places.countries()  # islands of Saint Helena
    for code in ("AE-AZ", "SA-14", "GB-LND", "US-CA"):
        places.known_subdivision(code)
