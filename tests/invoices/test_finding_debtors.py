"""Debtors of many invoices at once: the same as those that are found one after the other."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inflow.accounts.models import Account
from invoices.debtors import finding
from invoices.debtors.finding import Wanted
from invoices.errors import Refused
from invoices.models import Debtor, DebtorExternalId, DebtorIdentity
from tests import make

COMPANIES = ("Alpha LLC", "ALPHA L.L.C.", "Alpha", "Alpha FZE", "Beta LLC", "Gamma LLC")
EMAILS = ("", "books@gmail.com", "ap@alpha.ae", "cfo@alpha.ae")
PHONES = ("", "", "+971501234567")
IDS = ("", "", "C-1", "C-2")


def some(chance: random.Random) -> Wanted:
    company, email, phone, id = map(chance.choice, (COMPANIES, EMAILS, PHONES, IDS))
    return Wanted.of(name="Ahmed", company=company, email=email, phone=phone, external_id=id)


def one_by_one(account: Account, wanted: list[Wanted]) -> finding.Found:
    found: finding.Found = {}
    for each in wanted:
        found |= finding.get_or_create_all(account, [each])
    return found


def shape(wanted: list[Wanted], found: finding.Found) -> list[object]:
    """Return the place of the first row with the same debtor, or the code of the refusal, for each row."""
    places: dict[object, int] = {}
    return [
        each.code if isinstance(each := found[row], Refused) else places.setdefault(each.pk, place)
        for place, row in enumerate(wanted)
    ]


@pytest.mark.properties
@pytest.mark.django_db
def test_many_at_once_find_what_one_after_the_other_finds() -> None:
    for seed in range(40):
        chance = random.Random(seed)  # noqa: S311
        rows = list(dict.fromkeys(some(chance) for _ in range(chance.randrange(2, 8))))
        before = [some(chance) for _ in range(chance.randrange(3))]
        shapes, counts = [], []
        for find in (finding.get_or_create_all, one_by_one):
            account = make.account()
            one_by_one(account, before)
            shapes.append(shape(rows, find(account, rows)))
            models = (Debtor, DebtorExternalId, DebtorIdentity)
            counts.append([model.objects.filter(account=account).count() for model in models])
        assert shapes[0] == shapes[1], (seed, before, rows)
        assert counts[0] == counts[1], (seed, before, rows)


def test_the_number_of_statements_does_not_grow_with_the_number_of_debtors(account: Account) -> None:
    counts = []
    for count, tag in ((5, "A"), (50, "B")):
        rows = [
            Wanted.of(name="Ahmed", company=f"{tag} {number}", email=f"{number}@{tag}.ae", phone="", external_id=number)
            for number in map(str, range(count))
        ]
        rows = [each._replace(external_id=f"{tag}{each.external_id}") for each in rows]
        with CaptureQueriesContext(connection) as queries:
            found = finding.get_or_create_all(account, rows)
        counts.append(len(queries))
        assert len({each.pk for each in found.values() if isinstance(each, Debtor)}) == count
    assert counts[0] == counts[1]
