"""Ids of debtors in other systems: a known one decides, if something else agrees with it."""

import random
from functools import partial

import pytest

from inflow.accounts.models import Account
from invoices.debtors import finding
from invoices.errors import Refused
from invoices.models import Debtor, DebtorExternalId, DebtorIdentity
from tests import make
from tests.parallel import at_once

GMAIL, PHONE = "books@gmail.com", "+971501234567"


def find(
    account: Account, external_id: str = "", *, company: str = "Alpha LLC", email: str = GMAIL, phone: str = ""
) -> Debtor:
    return finding.get_or_create(
        account, name="Ahmed", company=company, email=email, phone=phone, external_id=external_id
    )


def ids_of(debtor: Debtor) -> list[str]:
    return list(DebtorExternalId.objects.filter(debtor=debtor).values_list("external_id", flat=True))


@pytest.mark.parametrize(
    "given",
    [
        {"email": "someone@gmail.com"},  # the party
        {"company": "ALPHA L.L.C.", "email": ""},
        {"company": "Alpha", "email": ""},
        {"company": "Beta LLC"},  # the address
        {"company": "Beta LLC", "email": "", "phone": PHONE},
        {"company": "Beta LLC", "email": "cfo@alpha.ae"},  # the mail domain
    ],
)
def test_a_known_id_decides_if_party_address_or_domain_agrees(account: Account, given: dict[str, str]) -> None:
    debtor = find(account, "C-1", phone=PHONE)
    assert find(account, "C-1", email="ap@alpha.ae") == debtor
    assert find(account, "C-1", **given) == debtor
    if given.get("email", GMAIL) or given.get("phone"):
        assert find(account, **given) == debtor, "and is found by these values from then on"
    assert ids_of(debtor) == ["C-1"]


@pytest.mark.parametrize(
    "given",
    [
        {"company": "Beta LLC", "email": ""},
        {"company": "Beta LLC", "email": "other@gmail.com"},
        {"company": "Beta LLC", "email": "ap@beta.ae", "phone": "+971509999999"},
        {"company": "Alpha FZE", "email": "ap@beta.ae"},
    ],
)
def test_an_id_with_which_nothing_agrees_is_refused_and_both_are_named(account: Account, given: dict[str, str]) -> None:
    debtor = find(account, "C-1", phone=PHONE)
    with pytest.raises(Refused, match=f"C-1 is the id of Ahmed, Alpha LLC.*Ahmed, {given['company']}") as refused:
        find(account, "C-1", **given)
    assert (refused.value.field, refused.value.code) == ("debtor_external_id", "debtor_mismatch")
    assert list(Debtor.objects.for_account(account)) == [debtor]
    assert DebtorIdentity.objects.for_account(account).count() == 1


def test_an_unknown_id_is_given_to_the_one_match_that_has_none(account: Account) -> None:
    debtor = find(account)
    assert find(account, "C-1") == debtor
    assert ids_of(debtor) == ["C-1"]
    branch = find(account, "C-2")
    assert branch != debtor
    assert (ids_of(debtor), ids_of(branch)) == (["C-1"], ["C-2"])


def test_of_two_matches_without_an_id_none_is_chosen(account: Account) -> None:
    one, other = find(account, email="one@gmail.com", phone=PHONE), find(account, email="two@gmail.com", phone=PHONE)
    third = find(account, "C-1", email="", phone=PHONE)
    assert len({one, other, third}) == 3
    assert ids_of(third) == ["C-1"]


def test_the_same_id_in_another_account_is_another_debtor(account: Account) -> None:
    elsewhere = make.account("Another")
    assert find(account, "C-1") != find(elsewhere, "C-1", company="Beta LLC", email="ap@beta.ae")


@pytest.mark.parametrize("spelling", [" C-1 ", "C-1\0", "\u200eC-1", "C\u2060-1\n"])
def test_an_id_has_one_spelling(account: Account, spelling: str) -> None:
    debtor = find(account, spelling)
    assert ids_of(debtor) == ["C-1"]
    assert find(account, "C-1") == debtor


def test_upper_and_lower_case_are_two_ids(account: Account) -> None:
    assert find(account, "c-1") != find(account, "C-1")


def test_a_merged_debtors_ids_and_names_find_the_debtor_that_replaced_it(account: Account) -> None:
    first, second, third = (
        find(account, f"C-{number}", email=f"{number}@gmail.com", company=f"Alpha {number} LLC") for number in (1, 2, 3)
    )
    for loser, winner in ((first, second), (second, third)):
        Debtor.objects.filter(pk=loser.pk).update(merged_into=winner)
    assert find(account, "C-1", email="3@gmail.com") == third
    assert find(account, company="Alpha 1 LLC", email="1@gmail.com") == third
    assert find(account, "C-9", company="Alpha 1 LLC", email="1@gmail.com") not in (first, second, third)


@pytest.mark.django_db(transaction=True)
def test_parallel_invoices_with_one_id_find_one_debtor() -> None:
    account = make.account()
    # Different parties, and thus different locks: the mail domain agrees.
    calls = [
        partial(find, account, "C-1", company=f"{name} LLC", email=f"{name}@alpha.ae") for name in ("a", "b", "c", "d")
    ]
    found = at_once(*calls)
    assert len(set(found)) == 1, found
    assert Debtor.objects.for_account(account).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_parallel_invoices_that_dispute_an_id_one_gets_it() -> None:
    account = make.account()
    found = at_once(*(partial(find, account, "C-1", company=f"{name} LLC", email="") for name in ("a", "b", "c", "d")))
    assert sorted(type(each).__name__ for each in found) == ["Debtor", "Refused", "Refused", "Refused"], found
    assert Debtor.objects.for_account(account).count() == 1


def _agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Same party, address or mail domain."""
    domains = {each[1].partition("@")[2] for each in (one, other)} - {"gmail.com"}
    return one[0] == other[0] or (bool(one[1]) and one[1] == other[1]) or (len(domains) == 1 and bool(one[1]))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(4))
def test_debtors_in_any_order_and_in_parallel_are_joined_only_by_agreement(seed: int) -> None:
    account, chance = make.account(), random.Random(seed)  # noqa: S311
    given = [
        (chance.choice(["Alpha LLC", "Beta LLC", "Gamma LLC"]), chance.choice(["", GMAIL, "x@a.ae", "y@a.ae"]))
        for _ in range(24)
    ]
    ids = [chance.choice(["", "", "C-1", "C-2", "C-3"]) for _ in given]
    calls = [
        partial(find, account, external_id, company=company, email=email)
        for (company, email), external_id in zip(given, ids, strict=True)
    ]
    for start in range(0, len(calls), 6):
        results = at_once(*calls[start : start + 6])
        assert {type(each) for each in results} <= {Debtor, Refused}, results
    for debtor in Debtor.objects.for_account(account):
        rows = DebtorIdentity.objects.filter(debtor=debtor).order_by("id").values_list("base", "email")
        known = [(base, email) for base, email in rows]
        for position, each in enumerate(known[1:], 1):
            assert any(_agree(each, earlier) for earlier in known[:position]), known
        if not ids_of(debtor):
            assert len({base for base, _email in known}) == 1, "no id joined these parties"
