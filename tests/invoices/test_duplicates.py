"""Debtors that may be the same are listed with the reason, until staff merge them or keep them apart."""

import pytest

from inflow.accounts.models import Account, AuditEntry
from invoices.debtors import duplicates, merging, skeletons
from invoices.errors import NotFound, Refused
from invoices.models import Debtor, Invoice, PossibleDuplicate
from tests import make

pytestmark = pytest.mark.django_db


def invoice(account: Account, company: str, email: str = "", phone: str = "", name: str = "Accounts") -> Invoice:
    return make.invoice(account, debtor_company=company, debtor_email=email, debtor_phone=phone, debtor_name=name)


def found(account: Account) -> dict[frozenset[str], tuple[set[str], str]]:
    """The reasons and the shared address, by the companies or names of the pair."""
    duplicates.find(account)
    return {
        frozenset(each.company or each.name for each in (pair.one, pair.other)): (set(pair.reasons), pair.shared)
        for pair in duplicates.listed(account).select_related("one", "other")
    }


def test_a_shared_address_is_a_reason(account: Account) -> None:
    invoice(account, "Alpha LLC", "books@gmail.com")
    invoice(account, "Beta LLC", "BOOKS@gmail.com")
    invoice(account, "Gamma LLC", "g@gamma.ae", "+971501234567")
    invoice(account, "Delta LLC", "d@delta.ae", "+971501234567")
    assert found(account) == {
        frozenset({"Alpha LLC", "Beta LLC"}): ({"address"}, "books@gmail.com"),
        frozenset({"Gamma LLC", "Delta LLC"}): ({"address"}, "+971501234567"),
    }


def test_an_address_of_many_debtors_says_nothing(account: Account) -> None:
    for number in range(11):
        invoice(account, f"{chr(65 + number) * 6} LLC", "books@gmail.com")
    assert found(account) == {}


@pytest.mark.parametrize(
    ("one", "other", "is_listed"),
    [
        ("Gulf Trading LLC", "Gulf Trading", True),
        ("Gulf Trading LLC", "Gulf Tradnig LLC", True),
        ("Mohamed Qasim Stores", "Muhammad Qasim Stores", True),
        ("Gulf Trading LLC", "Gulf Trading FZE", False),
        ("Al Noor Branch 1", "Al Noor Branch 2", False),
        ("Gulf Trading LLC", "Sharjah Cement LLC", False),
        ("Al Futtaim Trading LLC", "شركة الفطيم للتجارة ذ.م.م", True),
        ("Ahmed Al Rashid", "أحمد الراشد", True),
        ("Ahmed Al Rashid", "خالد الراشد", False),
    ],
)
def test_names_that_are_nearly_equal_or_in_two_scripts_are_listed(
    account: Account, one: str, other: str, is_listed: bool
) -> None:
    invoice(account, one, "a@one.ae")
    invoice(account, other, "b@two.ae")
    reason = "script" if any(letter > "\u0600" for letter in other) else "name"
    assert found(account) == ({frozenset({one, other}): ({reason}, "")} if is_listed else {})


def test_a_person_with_and_without_a_company(account: Account) -> None:
    invoice(account, "", "a@one.ae", name="Omar Haddad")
    invoice(account, "Haddad Interiors", "b@two.ae", name="Omar Haddad")
    invoice(account, "Cement Works", "c@three.ae", name="Accounts")
    invoice(account, "", "d@four.ae", name="Accounts")
    assert found(account) == {frozenset({"Omar Haddad", "Haddad Interiors"}): ({"company"}, "")}


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        ("Mohammed Al Qasimi", "محمد القاسمي"),
        ("Khalifa Contracting", "خليفة للمقاولات"),
        ("Ghurair Group", "مجموعة الغرير"),
        ("Fatimah Hassan", "فاطمه حسن"),
    ],
)
def test_skeletons_of_two_scripts_are_equal(latin: str, arabic: str) -> None:
    assert skeletons.of(latin) == (skeletons.of(arabic)[0], False)
    assert skeletons.of(arabic)[1]


def test_pairs_kept_apart_and_merged_ones_are_not_listed(account: Account) -> None:
    invoice(account, "Alpha LLC", "books@gmail.com")
    invoice(account, "Beta LLC", "books@gmail.com")
    assert len(found(account)) == 1
    pair = PossibleDuplicate.objects.get()
    duplicates.keep_apart(account, pair.pk, make.STAFF)
    assert found(account) == {}
    assert duplicates.keep_apart(account, pair.pk, make.STAFF).kept_apart_by == make.STAFF.name
    assert AuditEntry.objects.filter(action="debtor.kept_apart").count() == 1
    duplicates.list_again(account, pair.pk, make.STAFF)
    with pytest.raises(Refused):
        duplicates.list_again(account, pair.pk, make.STAFF)
    assert len(found(account)) == 1
    with pytest.raises(NotFound):
        duplicates.keep_apart(make.account("Other"), pair.pk, make.STAFF)
    done = merging.merge(account, pair.one_id, pair.other_id, make.STAFF)
    assert found(account) == {}
    merging.undo(account, done.pk, make.STAFF)
    assert len(found(account)) == 1


def test_a_pair_without_a_reason_any_more_is_dropped(account: Account) -> None:
    invoice(account, "", "a@one.ae", name="Omar Haddad")
    two = invoice(account, "Haddad Interiors", "b@two.ae", name="Omar Haddad")
    assert len(found(account)) == 1
    Debtor.objects.filter(pk=two.debtor_id).update(name="Somebody Else")
    assert found(account) == {}
    assert PossibleDuplicate.objects.count() == 0


def test_debtors_of_two_accounts_are_never_compared(account: Account) -> None:
    other = make.account("Other")
    invoice(account, "Alpha LLC", "books@gmail.com")
    invoice(other, "Alpha LLC", "books@gmail.com")
    duplicates.find_all()
    assert PossibleDuplicate.objects.count() == 0


@pytest.mark.nightly
def test_the_search_among_100_000_debtors_is_bounded(account: Account) -> None:
    words = ["gulf", "sharjah", "cement", "noor", "falcon", "delta", "marina", "palm", "desert", "harbour"]
    Debtor.objects.bulk_create(
        (
            Debtor(account=account, name="Accounts", company=f"Al {words[at % 10]} {words[at // 10 % 10]} {at:x} LLC")
            for at in range(100_000)
        ),
        batch_size=5_000,
    )
    assert duplicates.find(account) <= 20_000
