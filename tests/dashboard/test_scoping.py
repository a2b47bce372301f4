"""What is shown behind each entry point: own rows and the verbs of one's role. Who gets in at all is test_matrix.py."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from inflow.accounts.models import ApiKey, Invitation
from inflow.accounts.roles import Role
from invoices.models import Debtor, Invoice
from tests import make
from tests.dashboard.world import LISTS, ROLES, VERBS, World, linked, may, nothing_changes, page, platform, verb

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ROLES)
def test_a_list_shows_own_rows_to_the_roles_that_see_it(role: Role, own: World, foreign: World) -> None:
    client = own.logged_in(role)
    for name, needed in LISTS.items():
        answer = client.get(page(name, "changelist"), follow=True)
        if not may(role, needed):
            assert answer.status_code == 403, name
            continue
        html = answer.content.decode()
        assert str(own.rows[name]) in (linked(html, name) if name != "accounts_account" else html), name
        assert str(foreign.rows[name]) not in linked(html, name), name
        assert "Sandfox" not in html, name


@pytest.mark.parametrize(
    "name",
    [
        "invoices_invoice",
        "communications_communication",
        "communications_reply",
        "communications_gateway",
        "accounts_apikey",
    ],
)
def test_what_the_lifecycle_or_a_verb_writes_is_no_form(name: str, own: World) -> None:
    with nothing_changes(own):
        answer = own.logged_in(Role.ADMIN).post(
            page(name, "change", own.rows[name]), {"status": "paid", "amount": "1", "name": "x", "scopes": "y"}
        )
    assert answer.status_code == 403


def test_only_verbs_that_a_role_may_do_and_the_row_invites_are_offered(own: World) -> None:
    for role in Role:
        html = own.logged_in(role).get(page("invoices_invoice", "change", own.invoice.pk)).content.decode()
        for name in ("record_payment", "dispute", "write_off", "cancel"):
            is_offered = verb(f"invoices_invoice_{name}", own) in html
            assert is_offered == may(role, VERBS[f"invoices_invoice_{name}"])
        assert verb("invoices_invoice_resume", own) not in html  # it is neither held nor disputed


@pytest.mark.parametrize(
    ("model", "field"), [("communications.communication", "invoice"), ("communications.communication", "debtor")]
)
def test_autocomplete_offers_own_rows_only(model: str, field: str, own: World, foreign: World) -> None:
    app_label, model_name = model.split(".")
    asked = {"app_label": app_label, "model_name": model_name, "field_name": field, "term": ""}
    results = own.logged_in(Role.ADMIN).get("/admin/autocomplete/", asked).json()["results"]
    debtors = Debtor.objects.filter(account=own.account, merged_into=None)
    offered = {
        "invoice": {str(own.invoice.pk), str(own.closed.pk)},
        "debtor": {str(debtor.pk) for debtor in debtors},
    }
    assert {result["id"] for result in results} == offered[field]


def test_autocomplete_offers_no_people_to_an_agent_and_no_platform_staff_to_an_admin(
    own: World, foreign: World
) -> None:
    platform()
    asked = {"app_label": "accounts", "model_name": "apikey", "field_name": "created_by", "term": ""}
    assert own.logged_in(Role.AGENT).get("/admin/autocomplete/", asked).status_code == 403
    offered = own.logged_in(Role.ADMIN).get("/admin/autocomplete/", asked).json()["results"]
    assert {person["id"] for person in offered} == {str(person.pk) for person in own.people.values()}


def test_a_filter_reaches_no_foreign_rows(own: World, foreign: World) -> None:
    client = own.logged_in(Role.ADMIN)
    for query in (f"account__id__exact={foreign.account.pk}", f"debtor__account={foreign.account.pk}", "q=Sandfox"):
        answer = client.get(page("invoices_invoice", "changelist") + f"?{query}", follow=True)
        assert str(foreign.invoice.pk) not in answer.content.decode()


def test_an_account_that_is_posted_by_a_member_is_not_heard(own: World, foreign: World) -> None:
    client = own.logged_in(Role.ADMIN)
    other = str(foreign.account.pk)
    with nothing_changes(foreign):
        client.post(
            page("accounts_apikey", "add"),
            {"name": "sneaky", "scopes": ["invoices:read"], "account_choice": other, "account": other},
        )
        client.post(
            page("invoices_invoice", "add"),
            {
                "invoice_number": "S-1",
                "debtor_name": "Sneaky",
                "amount": "5",
                "currency": "AED",
                "due_date": "2027-01-01",
                "account_choice": other,
                "account": other,
            },
        )
        client.post(
            page("accounts_invitation", "add"),
            {"email": "sneaky@example.com", "role": "viewer", "account_choice": other, "is_superuser": "on"},
        )
    assert ApiKey.objects.get(name="sneaky").account == own.account
    assert Invoice.objects.get(invoice_number="S-1").account == own.account
    assert Invitation.objects.get(email="sneaky@example.com").account == own.account


def test_platform_staff_see_every_account(own: World, foreign: World) -> None:
    client = platform()
    for name in LISTS:
        html = client.get(page(name, "changelist")).content.decode()
        for world in (own, foreign):
            assert str(world.rows[name]) in linked(html, name), name
        assert client.get(page(name, "change", foreign.rows[name])).status_code == 200, name


def test_the_mail_of_a_message_is_for_its_account_alone(
    own: World, foreign: World, settings: Any, tmp_path: Path
) -> None:
    settings.OUTBOX_DIR = tmp_path
    settings.EMAIL_BACKEND = "communications.channels.outbox.FolderBackend"
    mine, theirs = make.sent_reminder(own.account), make.sent_reminder(foreign.account)
    client, mail = own.logged_in(Role.AGENT), "/admin/communications/communication/{}/mail/"
    assert client.get(mail.format(mine.pk)).status_code == 200
    assert client.get(mail.format(theirs.pk)).status_code == 404
    assert own.logged_in(Role.VIEWER).get(mail.format(mine.pk)).status_code == 403  # it holds the debtor's link
    assert Client().get(mail.format(mine.pk)).status_code == 302
