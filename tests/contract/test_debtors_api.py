"""Contract §2 and §9: debtors, with their ids in other systems, their contacts and their balances."""

import datetime as dt
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications.contacts import addresses, consent
from communications.models import Source
from communications.schedule import policies
from inflow.accounts.models import Account, AuditEntry, Scope
from invoices import lifecycle
from invoices.debtors import finding
from invoices.models import Contact, Debtor, DebtorIdentity
from tests import make
from tests.api.client import PLENTY, Caller, caller, is_problem
from tests.contract.test_lists import ids, pages
from tests.parallel import at_once
from tests.unchanged import nothing_happens

SHAPE = [
    *("id", "external_ids", "name", "company", "email", "phone", "language", "time_zone", "country", "subdivision"),
    *("owner", "tags", "policy", "never_chase", "never_chase_reason", "contacts", "balances"),
    *("created_at", "updated_at"),
]
CONTACT = {"id", "name", "role", "email", "phone", "language", "receives"}


def posted(api: Caller, **given: Any) -> dict[str, Any]:
    answer = api.post("debtors", {"name": "Ahmed Al Rashid", "company": "Gulf Trading LLC", **given})
    assert answer.status == 201, answer.body
    body: dict[str, Any] = answer.json
    return body


def patched(api: Caller, debtor: dict[str, Any], **given: Any) -> dict[str, Any]:
    answer = api.patch(f"debtors/{debtor['id']}", given)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.json
    return body


# --- POST and GET ------------------------------------------------------------------------------------------------


def test_a_debtor_with_every_field_is_created_and_shown(account: Account, api: Caller) -> None:
    member, policy = make.user(account), policies.create(account, "Gentle")
    given = {
        "external_id": "C-1042",
        "name": "أحمد الراشد",
        "company": "شركة الخليج للتجارة ذ.م.م",
        "language": "ar",
        "time_zone": "Asia/Riyadh",
        "country": "sa",
        "subdivision": "SA-01",
        "owner": member.email.upper(),
        "policy": policy.name,
        "tags": ["جملة", "<script>alert(1)</script>", "جملة"],
        "never_chase": True,
        "never_chase_reason": "شركة شقيقة",
        "contacts": [
            {"name": "الحسابات", "email": "AP@Gulf.example", "receives": ["reminder", "statement"]},
            {"name": "CFO", "role": "Approves", "phone": "050 123 4567", "language": "en"},
        ],
    }
    answer = api.post("debtors", given)
    assert answer.status == 201, answer.body
    shown = answer.json
    assert answer.headers["Location"].endswith(f"/api/zapier/debtors/{shown['id']}")
    assert list(shown) == SHAPE
    assert {name: shown[name] for name in ("external_ids", "country", "owner", "policy", "tags")} == {
        "external_ids": ["C-1042"],
        "country": "SA",
        "owner": member.email,
        "policy": "Gentle",
        "tags": ["جملة", "<script>alert(1)</script>"],
    }
    first, second = shown["contacts"]
    assert first.keys() == CONTACT
    assert (first["email"], first["phone"], first["receives"]) == ("ap@gulf.example", None, ["reminder", "statement"])
    assert (second["email"], second["phone"], second["receives"]) == (None, "+971501234567", [])
    assert (shown["email"], shown["balances"]) == ("ap@gulf.example", [])
    assert api.get(f"debtors/{shown['id']}").json == shown
    assert api.get("debtors").json == [shown]
    assert AuditEntry.objects.filter(account=account, action="debtor.created").count() == 1


def test_only_the_name_is_needed_and_empty_values_are_not_given(api: Caller) -> None:
    empty = dict.fromkeys(("company", "language", "time_zone", "owner", "policy", "external_id", "contacts"), "")
    shown = posted(api, **{**empty, "contacts": None, "tags": None, "never_chase_reason": ""})
    assert {shown[name] for name in ("company", "language", "time_zone", "owner", "policy")} == {None}
    assert (shown["contacts"], shown["tags"], shown["external_ids"]) == ([], [], [])
    assert (shown["never_chase"], shown["never_chase_reason"]) == (False, None)


def test_new_invoices_find_the_debtor_by_its_id_and_by_each_contact(account: Account, api: Caller) -> None:
    shown = posted(
        api,
        external_id="C-1",
        contacts=[{"email": "one@gmail.com"}, {"email": "two@gmail.com", "phone": "+971501234567"}],
    )
    for email, phone in (("two@gmail.com", ""), ("", "+971501234567"), ("one@gmail.com", "")):
        invoice = make.invoice(account, debtor_email=email, debtor_phone=phone)
        assert str(invoice.debtor_id) == shown["id"]
    other = make.invoice(account, debtor_company="Beta LLC", debtor_email="two@gmail.com")
    assert str(other.debtor_id) != shown["id"], "a shared mailbox joins no parties"
    found = finding.get_or_create(
        account, name="A", company="Beta FZE", email="two@gmail.com", phone="", external_id="C-1"
    )
    assert str(found.pk) == shown["id"], "the id decides, and the address of a contact agrees with it"


@pytest.mark.parametrize("spelling", ["C-1", " C-1 ", "\u200eC-1", "C\u2060-1"])
def test_a_known_id_is_refused_and_names_its_debtor(account: Account, api: Caller, spelling: str) -> None:
    shown = posted(api, external_id="C-1")
    with nothing_happens(account):
        answer = api.post("debtors", {"name": "Another", "external_id": spelling})
    problem = is_problem(answer, 422, field="external_id")
    assert problem["errors"][0]["code"] == "duplicate"
    assert shown["id"] in problem["detail"]


def test_a_number_is_an_id_and_case_matters(api: Caller) -> None:
    assert posted(api, external_id=1001)["external_ids"] == ["1001"]
    assert posted(api, external_id="c-1")["id"] != posted(api, external_id="C-1")["id"]


@pytest.mark.parametrize("external_id", ["a\0b", "\u200b", "x" * 101, True, 1.5, ["C-1"], {"id": 1}])
def test_another_id_is_invalid(account: Account, api: Caller, external_id: Any) -> None:
    with nothing_happens(account):
        is_problem(api.post("debtors", {"name": "Another", "external_id": external_id}), 422, field="external_id")


def test_a_debtor_that_an_invoice_would_find_is_refused_and_named(account: Account, api: Caller) -> None:
    invoice = make.invoice(account, debtor_email="ap@gulf.example")
    for given in ({}, {"external_id": "C-1"}):
        body = {"name": "X", "company": "GULF TRADING L.L.C.", "contacts": [{"email": "cfo@gulf.example"}], **given}
        problem = is_problem(api.post("debtors", body), 422, field="name")
        assert problem["errors"][0]["code"] == "duplicate"
        assert str(invoice.debtor_id) in problem["detail"]
    debtor = api.get(f"debtors/{invoice.debtor_id}").json
    patched(api, debtor, external_id="C-1")
    assert posted(api, external_id="C-2", contacts=[{"email": "cfo@gulf.example"}])["id"] != debtor["id"]


def test_a_debtor_without_contacts_is_refused_for_what_it_is(api: Caller) -> None:
    shown = posted(api)
    body = {"name": shown["name"], "company": shown["company"]}
    detail = is_problem(api.post("debtors", body), 422, "duplicate", "name")["detail"]
    assert shown["id"] in detail
    assert "no email or phone either" in detail


def test_the_same_post_with_a_key_is_done_once(account: Account, api: Caller) -> None:
    body = {"name": "Ahmed", "external_id": "C-1"}
    first, second = (api.post("debtors", body, Idempotency_Key="one") for _ in range(2))
    assert (first.status, second.status, first.json) == (201, 201, second.json)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Debtor.objects.for_account(account).count() == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_posts_with_one_id_make_one_debtor() -> None:
    account = make.account(requests_per_minute=PLENTY, requests_per_day=PLENTY)
    api = caller(account)
    bodies = [{"name": f"Debtor {number}", "external_id": "C-1"} for number in range(4)]
    answers = at_once(*(partial(api.post, "debtors", body) for body in bodies))
    assert sorted(answer.status for answer in answers if not isinstance(answer, Exception)) == [201, 422, 422, 422]
    assert Debtor.objects.for_account(account).count() == 1
    (shown,) = api.get("debtors").json
    for answer in answers:
        assert not isinstance(answer, Exception)
        assert answer.status == 201 or shown["id"] in answer.json["detail"]


# --- PATCH -------------------------------------------------------------------------------------------------------


def test_null_clears_and_an_equal_value_changes_nothing(account: Account, api: Caller) -> None:
    shown = posted(api, language="ar", country="SA", tags=["a"], contacts=[{"email": "a@b.example"}], external_id="C-1")
    with nothing_happens(account):
        same = {name: shown[name] for name in ("name", "company", "language", "country", "tags")}
        contacts = [{**contact, "id": contact["id"]} for contact in shown["contacts"]]
        assert patched(api, shown, **same, contacts=contacts, external_id="C-1") == shown
        assert patched(api, shown, contacts=[{"email": "A@b.example"}]) == shown
    cleared = patched(api, shown, language=None, country=None, tags=None, contacts=None, company=None)
    assert [cleared[name] for name in ("language", "country", "tags", "contacts", "company")] == [
        None,
        None,
        [],
        [],
        None,
    ]
    assert cleared["updated_at"] > shown["updated_at"]


def test_contacts_are_replaced_as_a_whole_and_keep_their_ids(api: Caller) -> None:
    shown = posted(api, contacts=[{"email": "a@b.example"}, {"email": "c@b.example"}])
    one, other = (contact["id"] for contact in shown["contacts"])
    shown = patched(
        api,
        shown,
        contacts=[
            {"email": "new@b.example"},
            {"email": "C@B.example", "name": "Cee"},
            {"id": one, "email": "z@b.example"},
        ],
    )
    assert [contact["email"] for contact in shown["contacts"]] == ["new@b.example", "c@b.example", "z@b.example"]
    new, *kept = [contact["id"] for contact in shown["contacts"]]
    assert kept == [other, one]
    assert new not in (one, other)
    shown = patched(api, shown, contacts=[{"id": one, "email": "z@b.example", "receives": ["statement"]}])
    assert [contact["id"] for contact in shown["contacts"]] == [one]
    assert shown["contacts"][0]["receives"] == ["statement"]


def test_20_contacts_are_accepted_and_21_refused(account: Account, api: Caller) -> None:
    contacts = [{"email": f"{number}@b.example"} for number in range(21)]
    shown = posted(api, contacts=contacts[:20])
    assert len(shown["contacts"]) == 20
    with nothing_happens(account):
        is_problem(api.patch(f"debtors/{shown['id']}", {"contacts": contacts}), 422, field="contacts")
    assert Contact.objects.for_account(account).count() == 20


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ({"name": "Nobody"}, "contacts.1"),
        ({"email": "", "phone": None}, "contacts.1"),
        ({"email": "nothing"}, "contacts.1.email"),
        ({"phone": "12"}, "contacts.1.phone"),
        ({"email": "x@y.example", "language": "xx"}, "contacts.1.language"),
        ({"email": "x@y.example", "receives": ["letters"]}, "contacts.1.receives.0"),
        ({"email": "x@y.example", "position": 1}, "contacts.1.position"),
        ({"email": "x@y.example", "id": str(make.NOWHERE)}, "contacts.1.id"),
        ({"email": "OK@b.example "}, "contacts.1.email"),
        ({"email": "OK@b.example"}, "contacts.1"),
        ("ok@b.example", "contacts.1"),
    ],
)
def test_an_invalid_contact_is_named(account: Account, api: Caller, contact: Any, field: str) -> None:
    shown = posted(api)
    with nothing_happens(account):
        answer = api.patch(f"debtors/{shown['id']}", {"contacts": [{"email": "ok@b.example"}, contact]})
        is_problem(answer, 422, field=field)


def test_a_contact_of_another_debtor_or_account_is_unknown(account: Account, api: Caller) -> None:
    theirs = posted(caller(make.account()), contacts=[{"email": "a@b.example"}])["contacts"][0]
    others = posted(api, external_id="C-2", contacts=[{"email": "a@b.example"}])["contacts"][0]
    shown = posted(api, external_id="C-1", name="Own")
    for contact in (theirs, others):
        answer = api.patch(f"debtors/{shown['id']}", {"contacts": [contact]})
        is_problem(answer, 422, field="contacts.0.id")
    shared = patched(api, shown, contacts=[{"email": "a@b.example"}])
    assert shared["contacts"][0]["email"] == "a@b.example", "a mailbox may be shared"


def test_a_replaced_contact_that_has_opted_out_stays_opted_out(account: Account, api: Caller) -> None:
    addresses.opt_out(account, "email", "a@b.example", account.now(), text="STOP")
    shown = posted(api, contacts=[{"email": "A@B.example"}])
    (debtor,) = Debtor.objects.for_account(account)
    assert consent.addresses_of(debtor) == [("email", "a@b.example")]
    assert consent.opted_out_channels(debtor) == {"email"}
    shown = patched(api, shown, contacts=[{"email": "new@b.example"}])
    consent.opt_out(debtor, "email", make.STAFF, Source.STAFF, "By phone.")
    record = addresses.record_of(account, "email", "new@b.example")
    assert record
    assert record.opted_out_at, "an opt-out of the debtor concerns its contacts"
    assert shown["contacts"][0]["email"] == "new@b.example"


@pytest.mark.parametrize(
    ("given", "field", "code"),
    [
        ({"never_chase": True}, "never_chase_reason", "required"),
        ({"never_chase": True, "never_chase_reason": None}, "never_chase_reason", "required"),
        ({"never_chase_reason": "Why"}, "never_chase_reason", "without_never_chase"),
        ({"never_chase": "yes"}, "never_chase", "invalid"),
        ({"name": None}, "name", "null"),
        ({"name": ""}, "name", "blank"),
        ({"company": ""}, "company", "blank"),
        ({"owner": "nobody@example.com"}, "owner", "unknown_member"),
        ({"policy": "No such"}, "policy", "unknown_policy"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "unknown_time_zone"),
        ({"country": "1A"}, "country", "unknown_country"),
        ({"country": "XX"}, "country", "unknown_country"),
        ({"country": "UK"}, "country", "unknown_country"),
        ({"subdivision": "AE-ZZ"}, "subdivision", "unknown_subdivision"),
        ({"subdivision": "XX-01"}, "subdivision", "unknown_subdivision"),
        ({"country": "AE", "subdivision": "SA-01"}, "subdivision", "other_country"),
        ({"language": "xx"}, "language", "invalid_choice"),
        ({"tags": ["a"] * 21}, "tags", "max_length"),
        ({"tags": ["a" * 41]}, "tags.0", "max_length"),
        ({"tags": ["\u200b"]}, "tags", "blank"),
        ({"tags": "wholesale"}, "tags", "not_a_list"),
        ({"balances": []}, "balances", "read_only"),
        ({"external_ids": ["C-1"]}, "external_ids", "read_only"),
        ({"merged_into": None}, "merged_into", "unknown_field"),
    ],
)
def test_an_invalid_change_is_refused_and_changes_nothing(
    account: Account, api: Caller, given: dict[str, Any], field: str, code: str
) -> None:
    shown = posted(api)
    with nothing_happens(account):
        problem = is_problem(api.patch(f"debtors/{shown['id']}", given), 422, field=field)
    assert problem["errors"][0]["code"] == code


def test_a_region_and_a_country_are_compared_with_what_is_stored(account: Account, api: Caller) -> None:
    shown = patched(api, posted(api), country="AE", subdivision="AE-DU")
    with nothing_happens(account):
        is_problem(api.patch(f"debtors/{shown['id']}", {"country": "SA"}), 422, field="subdivision")
        is_problem(api.patch(f"debtors/{shown['id']}", {"subdivision": "SA-01"}), 422, field="subdivision")
    assert patched(api, shown, country="SA", subdivision=None)["subdivision"] is None


def test_owners_and_policies_of_another_account_are_unknown(account: Account, api: Caller) -> None:
    elsewhere = make.account()
    member, policy = make.user(elsewhere), policies.create(elsewhere, "Gentle")
    shown = posted(api)
    for given in ({"owner": member.email}, {"policy": policy.name}):
        is_problem(api.patch(f"debtors/{shown['id']}", given), 422, field=next(iter(given)))


def test_never_chase_is_set_with_a_reason_and_cleared(account: Account, api: Caller) -> None:
    invoice = make.invoice(account)
    shown = api.get(f"debtors/{invoice.debtor_id}").json
    shown = patched(api, shown, never_chase=True, never_chase_reason="A sister company.")
    assert (shown["never_chase"], shown["never_chase_reason"]) == (True, "A sister company.")
    assert api.get(f"invoices/{invoice.pk}").json["next_contact_at"] is None
    entry = next(each for each in api.get(f"invoices/{invoice.pk}/timeline").json if each["kind"] == "never_chase")
    assert entry["reason"] == "A sister company."
    shown = patched(api, shown, never_chase=False)
    assert (shown["never_chase"], shown["never_chase_reason"]) == (False, None)
    assert api.get(f"invoices/{invoice.pk}").json["next_contact_at"]


def test_a_debtor_may_have_several_ids(api: Caller) -> None:
    shown = posted(api, external_id="C-1")
    assert patched(api, shown, external_id="C-2")["external_ids"] == ["C-1", "C-2"]
    other = posted(api, name="Another", company="Oryx", external_id="C-3")
    problem = is_problem(api.patch(f"debtors/{other['id']}", {"external_id": "C-2"}), 422, field="external_id")
    assert shown["id"] in problem["detail"]


def test_a_merged_debtors_id_answers_with_the_one_that_replaced_it(account: Account, api: Caller) -> None:
    loser, winner = posted(api, name="Loser", company="A"), posted(api, name="Winner", company="B")
    Debtor.objects.filter(pk=loser["id"]).update(merged_into=winner["id"])
    assert api.get(f"debtors/{loser['id']}").json == winner
    assert patched(api, loser, tags=["a"])["id"] == winner["id"]
    assert ids(api.get("debtors").json) == [winner["id"]]
    assert Debtor.objects.get(pk=loser["id"]).tags == []


def test_another_accounts_debtor_is_no_such_resource(account: Account, api: Caller) -> None:
    theirs = make.invoice(make.account()).debtor_id
    with nothing_happens(account):
        is_problem(api.get(f"debtors/{theirs}"), 404)
        is_problem(api.patch(f"debtors/{theirs}", {"tags": ["mine"]}), 404)
        is_problem(api.patch(f"debtors/{make.NOWHERE}", {"tags": ["mine"]}), 404)
    assert Debtor.objects.get(pk=theirs).tags == []


def test_reading_and_writing_need_their_scopes(account: Account) -> None:
    debtor = make.invoice(account).debtor_id
    reads, writes = (
        Caller(make.key(account, scopes=[scope])[1]) for scope in (Scope.INVOICES_READ, Scope.INVOICES_WRITE)
    )
    assert (reads.get("debtors").status, reads.get(f"debtors/{debtor}").status) == (200, 200)
    is_problem(reads.patch(f"debtors/{debtor}", {"tags": []}), 403)
    is_problem(reads.post("debtors", {"name": "A"}), 403)
    is_problem(writes.get("debtors"), 403)


# --- Balances ----------------------------------------------------------------------------------------------------


def test_balances_and_credit_stand_by_currency(account: Account, api: Caller) -> None:
    late = make.overdue_invoice(account, amount=100)
    make.invoice(account, amount=50)
    held = make.overdue_invoice(account, amount=30)
    lifecycle.change(account, held.pk, make.API, status="on_hold")
    usd = make.invoice(account, amount=10, currency="USD")
    lifecycle.record_payment(account, usd.pk, make.API, amount=Decimal("12.5"))
    lifecycle.record_payment(account, late.pk, make.API, amount=Decimal(40))
    closed = make.invoice(account, amount=7, currency="EUR")
    lifecycle.change(account, closed.pk, make.API, status="cancelled")
    assert api.get(f"debtors/{late.debtor_id}").json["balances"] == [
        {"currency": "AED", "outstanding": 140, "overdue": 60, "credit": 0},
        {"currency": "USD", "outstanding": 0, "overdue": 0, "credit": 2.5},
    ]


def test_a_page_takes_as_many_statements_as_one_debtor(account: Account, api: Caller) -> None:
    def count(path: str) -> int:
        api.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert api.get(path).status == 200
        return len(queries)

    for number in range(12):
        make.invoice(account, debtor_company=f"Company {number}", debtor_email=f"{number}@x.example")
    assert count("debtors?limit=10") == count("debtors?limit=1") <= 7


# --- Lists -------------------------------------------------------------------------------------------------------


def test_the_list_is_newest_first_and_paged_without_gaps(account: Account, api: Caller) -> None:
    made = [posted(api, name=f"Debtor {number}", company=f"Company {number}")["id"] for number in range(5)]
    Debtor.objects.for_account(account).update(created_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    seen = [each for page in pages(api, "debtors?limit=2") for each in ids(page)]
    assert seen == sorted(made, reverse=True)


def test_each_filter_narrows(account: Account, api: Caller) -> None:
    member = make.user(account)
    one = posted(
        api,
        name="Sara",
        company="Oryx & Co",
        external_id="C-1",
        owner=member.email,
        tags=["wholesale", "vip"],
        contacts=[{"email": "first@oryx.example"}, {"email": "second@oryx.example"}],
        never_chase=True,
        never_chase_reason="Family.",
    )
    other = posted(api, contacts=[{"email": "a@gulf.example"}])
    Debtor.objects.filter(pk=other["id"]).update(updated_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    filters = {
        "external_id": " C-1",
        "q": "oryx",
        "tag": "vip",
        "owner": member.email.upper(),
        "email": "Second@Oryx.example",
        "never_chase": "true",
        "updated_after": "2026-03-01T00:00:00Z",
    }
    for name, value in filters.items():
        assert ids(api.get(f"debtors?{urlencode({name: value})}").json) == [one["id"]], name
    assert ids(api.get("debtors?never_chase=false").json) == [other["id"]]
    assert ids(api.get("debtors?q=SARA").json) == [one["id"]]
    assert ids(api.get(f"debtors?q={quote('%')}").json) == []
    for query in ("color=red", "never_chase=1", "external_id=", "q=%00", "updated_after=2026-03-01"):
        is_problem(api.get(f"debtors?{query}"), 422, field=query.partition("=")[0])


def test_identities_of_contacts_are_of_the_debtors_party(account: Account, api: Caller) -> None:
    posted(api, contacts=[{"email": "a@gulf.example"}])
    assert {identity.base for identity in DebtorIdentity.objects.for_account(account)} == {"gulftrading"}
