"""The debtor an invoice speaks of: found by email, else phone, else name and company."""

import pytest

from inflow.accounts.models import Account
from invoices import debtors
from invoices.models import Debtor
from tests import make


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
    with pytest.raises(debtors.BadPhone):
        debtors.normalise_phone(given, "AE")
