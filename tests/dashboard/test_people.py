"""Accounts and people: who may set up what, and that it is recorded."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from inflow.accounts.models import Account, AuditEntry, User
from inflow.accounts.roles import Role
from inflow.dashboard.pages.audit_sentences import SENTENCES
from tests import make
from tests.dashboard.world import World, linked, logged_in, nothing_changes, page, platform

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hash_fast(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def entry(own: World) -> AuditEntry:
    return AuditEntry.objects.filter(account=own.account).latest("id")


def test_a_person_logs_in_by_email_in_any_case(own: World) -> None:
    make.user(own.account, email="new.person@example.com")
    answer = Client().post(
        "/admin/login/", {"username": "NEW.person@example.com", "password": make.PASSWORD}, follow=True
    )
    assert answer.redirect_chain == [("/admin/", 302)]
    assert answer.context["title"] == "Home"


def test_a_changed_role_is_recorded_with_what_it_was(own: World) -> None:
    agent = own.people[Role.AGENT]
    said = {"email": agent.email, "role": "manager", "is_active": "on"}
    assert own.logged_in(Role.ADMIN).post(page("accounts_user", "change", agent.pk), said).status_code == 302
    agent.refresh_from_db()
    assert agent.role == Role.MANAGER
    assert entry(own).action == "user.changed"
    assert entry(own).detail["changes"] == {"role": ["agent", "manager"]}
    assert entry(own).actor == own.people[Role.ADMIN].email


def test_nobody_changes_their_own_rights(own: World) -> None:
    admin = own.people[Role.ADMIN]
    said = {"email": admin.email, "first_name": "Ada", "role": "viewer", "is_active": "", "is_superuser": "on"}
    assert own.logged_in(Role.ADMIN).post(page("accounts_user", "change", admin.pk), said).status_code == 302
    admin.refresh_from_db()
    assert (admin.first_name, admin.role, admin.is_active, admin.is_superuser) == ("Ada", Role.ADMIN, True, False)


def test_an_admin_makes_nobody_platform_staff(own: World, foreign: World) -> None:
    agent = own.people[Role.AGENT]
    said = {
        "email": agent.email,
        "role": "agent",
        "is_active": "on",
        "is_superuser": "on",
        "account": foreign.account.pk,
    }
    own.logged_in(Role.ADMIN).post(page("accounts_user", "change", agent.pk), said)
    agent.refresh_from_db()
    assert (agent.is_superuser, agent.account) == (False, own.account)


def test_platform_staff_who_belong_to_an_account_are_out_of_its_admins_reach(own: World) -> None:
    chief = User.objects.create_superuser("chief@inflow.example", account=own.account)
    client = own.logged_in(Role.ADMIN)
    assert "chief@inflow.example" not in client.get(page("accounts_user", "changelist")).content.decode()
    with nothing_changes(own):
        assert client.get(page("accounts_user", "change", chief.pk)).status_code == 404
        assert client.post(page("accounts_user", "mail_password_link", chief.pk)).status_code == 404


def test_an_admin_sets_time_zone_and_language_of_the_account_and_nothing_else(own: World) -> None:
    said = {
        "name": "Mine",
        "time_zone": "Asia/Riyadh",
        "language": "ar",
        "plan": "enterprise",
        "requests_per_minute": "9",
    }
    address = page("accounts_account", "change", own.account.pk)
    with nothing_changes(own):
        assert own.logged_in(Role.MANAGER).post(address, said).status_code == 403
        wrong = own.logged_in(Role.ADMIN).post(address, {**said, "time_zone": "Moon/Base"})
        assert wrong.context["errors"]
    shown = own.logged_in(Role.ADMIN).get(address).content.decode()
    assert "30 requests per minute, 1,000 requests per day, 5 webhooks" in shown
    assert own.logged_in(Role.ADMIN).post(address, said).status_code == 302
    account = Account.objects.get(pk=own.account.pk)
    assert (account.time_zone, account.language) == ("Asia/Riyadh", "ar")
    assert (account.name, account.plan, account.requests_per_minute) == ("Falcon", "free", None)
    changes = {"time_zone": ["Asia/Dubai", "Asia/Riyadh"], "language": ["en", "ar"]}
    assert (entry(own).action, entry(own).detail["changes"]) == ("account.changed", changes)


def test_platform_staff_make_and_set_up_accounts(own: World) -> None:
    client = platform()
    said = {
        "name": "New LLC",
        "time_zone": "Asia/Kuwait",
        "language": "ar",
        "country": "KW",
        "plan": "pro",
        "is_test": "on",
    }
    assert client.post(page("accounts_account", "add"), said).status_code == 302
    account = Account.objects.get(name="New LLC")
    assert (account.plan, account.is_test, account.time_zone) == ("pro", True, "Asia/Kuwait")
    said.pop("is_test")
    assert client.post(page("accounts_account", "change", account.pk), {**said, "plan": "starter"}).status_code == 302
    account.refresh_from_db()
    assert (account.plan, account.is_test) == ("starter", True)  # its keys' names say that it is one


def test_a_closed_person_gets_no_page(own: World) -> None:
    agent = own.people[Role.AGENT]
    client = logged_in(agent)
    User.objects.filter(pk=agent.pk).update(is_active=False)
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_the_last_admin_of_an_account_keeps_the_role_also_where_platform_staff_take_it(own: World) -> None:
    admin = own.people[Role.ADMIN]
    said = {"email": admin.email, "role": "viewer", "is_active": "on", "account": str(own.account.pk)}
    client, address = platform(), page("accounts_user", "change", admin.pk)
    with nothing_changes(own):
        assert "last admin" in client.post(address, said).content.decode()
        assert client.post(address, {**said, "role": "admin", "is_active": ""}).context["errors"]
    make.user(own.account)
    assert client.post(address, said).status_code == 302


def test_the_audit_log_says_in_words_what_was_done_and_what_it_was_before(own: World) -> None:
    client, agent = own.logged_in(Role.ADMIN), own.people[Role.AGENT]
    client.post(page("accounts_user", "change", agent.pk), {"email": agent.email, "role": "manager", "is_active": "on"})
    html = client.get(page("accounts_auditentry", "changelist")).content.decode()
    assert f"{own.people[Role.ADMIN].email} changed the person {agent.email}" in html
    shown = client.get(page("accounts_auditentry", "change", entry(own).pk)).content.decode()
    assert "<td><bdi>agent</bdi></td><td><bdi>manager</bdi></td>" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=Falcon", True),
        ("q=nothing+of+it", False),
        ("about=api_key", True),
        ("about=session", False),
        ("actor=nobody@falcon.example", False),
        ("at__year=2020", False),
        ("since=7", True),
    ],
)
def test_the_audit_log_is_searched_and_filtered(query: str, found: bool, own: World, foreign: World) -> None:
    client = own.logged_in(Role.ADMIN)
    AuditEntry.objects.create(account=own.account, actor="Falcon", action="api_key.created", target="inflow_x")
    html = client.get(page("accounts_auditentry", "changelist") + f"?{query}").content.decode()
    shown = linked(html, "accounts_auditentry")
    theirs = AuditEntry.objects.filter(account=foreign.account).values_list("pk", flat=True)
    assert bool(shown) == found
    assert not shown & set(map(str, theirs))


def test_every_action_that_is_recorded_has_a_sentence() -> None:
    assert all("%(actor)s" in str(words) or "%(target)s" in str(words) for words in SENTENCES.values())
    action = re.compile(
        r"\"((?:session|second_step|user|invitation|api_key|subscription|delivery|messages)\.[a-z_]+)\""
    )
    paths = [path for room in ("inflow", "communications", "webhooks") for path in Path(room).glob("**/*.py")]
    files = [path for path in paths if path.name != "labels.py"]  # it names fields
    written = {name for path in files for name in action.findall(path.read_text())}
    assert len(written) > 10
    assert written - SENTENCES.keys() == set()
