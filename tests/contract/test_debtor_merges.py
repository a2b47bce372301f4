"""Contract §2: merging debtors, undoing it, and debtors that may be the same."""

from typing import Any

import pytest

from inflow.accounts.models import Account
from invoices.debtors import duplicates, merging
from invoices.models import Debtor, Invoice
from tests import make
from tests.api.client import Caller, is_problem
from tests.unchanged import nothing_happens

pytestmark = pytest.mark.django_db
SHAPE = {"id", "dry_run", "debtor_id", "into", "moved", "amounts", "effects", "merged_at", "undo_until", "undone_at"}


def pair(account: Account) -> tuple[Invoice, Invoice]:
    return (
        make.invoice(account, debtor_company="Alpha LLC", debtor_email="books@gmail.com", amount=100),
        make.invoice(account, debtor_company="Beta LLC", debtor_email="books@gmail.com", currency="EUR"),
    )


def test_a_dry_run_says_what_would_move_and_changes_nothing(account: Account, api: Caller) -> None:
    alpha, beta = pair(account)
    with nothing_happens(account):
        shown = api.post(f"debtors/{alpha.debtor_id}/merge", {"into": str(beta.debtor_id), "dry_run": True})
    assert shown.status == 200
    assert shown.json.keys() == SHAPE
    assert (shown.json["id"], shown.json["dry_run"]) == (None, True)
    assert shown.json["moved"] == {"invoices": 1, "identities": 1}
    assert shown.json["amounts"] == [{"currency": "AED", "outstanding": 100, "credit": 0}]
    assert any("different parties" in effect for effect in shown.json["effects"])


def test_a_merge_and_its_undo(account: Account, api: Caller) -> None:
    alpha, beta = pair(account)
    path, body = f"debtors/{alpha.debtor_id}/merge", {"into": str(beta.debtor_id)}
    done = api.post(path, body, Idempotency_Key="once")
    assert done.status == 200
    assert done.json.keys() == SHAPE
    assert done.json["moved"] == {"invoices": 1, "identities": 1}
    assert api.post(path, body, Idempotency_Key="once").json == done.json
    assert make.again(alpha).debtor_id == beta.debtor_id
    is_problem(api.post(path, body), 422, "already_merged", "debtor")
    undo = f"debtor-merges/{done.json['id']}/undo"
    undone = api.post(undo, {})
    assert undone.json["undone_at"]
    assert make.again(alpha).debtor_id == alpha.debtor_id
    is_problem(api.post(undo, {}), 422, "already_undone", "merge")


def test_filters_by_debtor_follow_a_merge_and_its_undo(account: Account, api: Caller) -> None:
    alpha, beta = pair(account)
    money = {"amount": 10, "currency": "AED", "debtor_id": str(alpha.debtor_id)}
    paid = api.post("payments", money).json["id"]
    credited = api.post("credit-notes", {"number": "CN-1", **money}).json["id"]
    merge = merging.merge(account, alpha.debtor_id, beta.debtor_id, make.API)

    def found() -> list[list[str]]:
        paths = (
            f"{name}?debtor_id={each.debtor_id}" for name in ("payments", "credit-notes") for each in (alpha, beta)
        )
        return [[row["id"] for row in api.get(path).json] for path in paths]

    assert found() == [[paid], [paid], [credited], [credited]]
    merging.undo(account, merge.pk, make.API)
    assert found() == [[paid], [], [credited], []]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "required", "into"),
        ({"into": "x"}, "invalid", "into"),
        ({"into": str(make.NOWHERE)}, "unknown", "into"),
        ({"into": "itself"}, "itself", "into"),
        ({"into": "foreign"}, "unknown", "into"),
        ({"into": str(make.NOWHERE), "dry_run": "yes"}, "invalid", "dry_run"),
        ({"into": str(make.NOWHERE), "other": 1}, "unknown_field", "other"),
    ],
)
def test_bad_requests_are_refused(account: Account, api: Caller, body: dict[str, Any], code: str, field: str) -> None:
    alpha, _beta = pair(account)
    ids = {"itself": str(alpha.debtor_id), "foreign": str(make.invoice(make.account("Other")).debtor_id)}
    body = body | ({"into": ids[body["into"]]} if body.get("into") in ids else {})
    with nothing_happens(account):
        is_problem(api.post(f"debtors/{alpha.debtor_id}/merge", body), 422, code, field)


def test_debtors_and_merges_of_another_account_are_not_found(account: Account, api: Caller) -> None:
    other = make.account("Other")
    alpha, beta = pair(other)
    _, own = pair(account)
    done = merging.merge(other, alpha.debtor_id, beta.debtor_id, make.STAFF)
    with nothing_happens(other):
        is_problem(api.post(f"debtors/{beta.debtor_id}/merge", {"into": str(own.debtor_id)}), 404)
        is_problem(api.post(f"debtor-merges/{done.pk}/undo", {}), 404)
        is_problem(api.get(f"debtors/{beta.debtor_id}/duplicates"), 404)


def test_possible_duplicates_of_a_debtor(account: Account, api: Caller) -> None:
    alpha, beta = pair(account)
    duplicates.find(account)
    (row,) = api.get(f"debtors/{alpha.debtor_id}/duplicates").json
    assert row == {
        "debtor_id": str(beta.debtor_id),
        "name": "Ahmed Al Rashid",
        "company": "Beta LLC",
        "reasons": ["address"],
        "shared": "books@gmail.com",
        "found_at": row["found_at"],
    }
    (row,) = api.get(f"debtors/{beta.debtor_id}/duplicates").json
    assert row["debtor_id"] == str(alpha.debtor_id)
    merging.merge(account, alpha.debtor_id, beta.debtor_id, make.STAFF)
    assert api.get(f"debtors/{alpha.debtor_id}/duplicates").json == []
    assert Debtor.objects.count() == 2
