"""A forgotten password: a link by email, once, for an hour, and the same answer whoever has the address."""

import datetime as dt
import logging
import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from inflow import masking
from inflow.accounts import mailing
from inflow.accounts.errors import ResetLinkUsed
from inflow.accounts.models import Account, AuditEntry, LoginMail, User
from inflow.accounts.roles import Role
from inflow.masking import HideSecrets
from tests import make
from tests.dashboard.test_security import code_of, is_in, log_in, said_of, two_steps
from tests.dashboard.world import World, nothing_changes, page

pytestmark = pytest.mark.django_db
ASK, NEW = "/admin/password_reset/", "a brand new pass phrase"
BOTH = {"new_password1": NEW, "new_password2": NEW}


@pytest.fixture(autouse=True)
def _new_windows() -> None:
    cache.clear()


@pytest.fixture
def user() -> User:
    return make.user(make.account())


def ask(email: str, client: Client | None = None, headers: dict[str, str] | None = None) -> Any:
    return (client or Client()).post(ASK, {"email": email}, headers=headers)


def link_for(email: str) -> str:
    """The path of the link that was mailed last."""
    ask(email)
    mailing.send_due()
    return path_in(str(mail.outbox[-1].body))


def path_in(body: str) -> str:
    found = re.search(r"http://testserver(/admin/(?:reset|invitation)/\S+/)", body)
    assert found, body
    return found[1]


def follow(path: str, client: Client | None = None, **said: str) -> Any:
    """Open the link and send the form behind it."""
    client = client or Client()
    opened = client.get(path)
    if opened.status_code != 302:
        return opened
    return client.post(opened["Location"], {**BOTH, **said})


def logs_in(user: User, password: str) -> bool:
    return Client().post("/admin/login/", {"username": user.email, "password": password}).status_code == 302


# --- Asking ---


def test_a_link_from_the_mail_sets_a_new_password_once_and_ends_every_session(user: User) -> None:
    here = log_in(user)
    path = link_for(user.email)
    assert mail.outbox[-1].to == [user.email]
    done = follow(path)
    assert done["Location"] == "/admin/reset/done/"
    assert not is_in(here)
    assert logs_in(user, NEW)
    assert not logs_in(user, make.PASSWORD)
    again = follow(path)
    assert again.status_code == 200
    assert "no longer works" in again.content.decode()
    assert [name for name in said_of(user) if name.startswith("user.")] == [
        "user.reset_requested",
        "user.password_reset",
    ]


def test_an_address_that_nobody_has_is_answered_alike_and_costs_the_same(
    user: User, django_assert_num_queries: Any
) -> None:
    closed = make.user(make.account())
    User.objects.filter(pk=closed.pk).update(is_active=False)
    suspended = make.user(make.account(suspended_at=timezone.now()))
    pages = set()
    for email in (user.email, "nobody@example.com", closed.email, suspended.email):
        client = Client()
        with django_assert_num_queries(1):  # the row
            asked = ask(email, client)
        assert (asked.status_code, asked["Location"]) == (302, "/admin/password_reset/done/")
        pages.add(re.sub(r'"csrfmiddlewaretoken" value="\w+"', "", client.get(asked["Location"]).content.decode()))
    assert len(pages) == 1
    mailing.send_due()
    assert [message.to for message in mail.outbox] == [[user.email]]
    assert not LoginMail.objects.exists()


@pytest.mark.parametrize("typed", ["{}", " {} ", "UPPER"])
def test_an_address_is_read_in_any_case_and_the_mail_goes_to_the_one_that_is_stored(typed: str, user: User) -> None:
    ask(user.email.upper() if typed == "UPPER" else typed.format(user.email))
    mailing.send_due()
    assert [message.to for message in mail.outbox] == [[user.email]]


@pytest.mark.parametrize("typed", ["", "no address", "a\0@example.com", "a@b", "x" * 300 + "@example.com"])
def test_what_is_no_address_is_said_so(typed: str) -> None:
    refused = ask(typed)
    assert refused.status_code == 200
    assert refused.context["form"].errors["email"]
    assert not LoginMail.objects.exists()


def test_the_link_is_built_from_the_base_url_and_never_from_the_host(user: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    ask(user.email, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    mailing.send_due()
    assert "evil.example" not in str(mail.outbox[-1].body) + mail.outbox[-1].subject
    assert "http://testserver/admin/reset/" in str(mail.outbox[-1].body)


def test_five_requests_an_hour_are_taken_for_an_address_and_twenty_from_a_client(user: User) -> None:
    for email in (user.email, "nobody@example.com"):
        answers = [ask(email.upper() if odd else email).status_code for odd in (0, 1, 0, 1, 0, 1)]
        assert answers == [302] * 5 + [429]
    for count in range(8):
        assert ask(f"{count}@example.com").status_code == 302
    refused = ask("another@example.com")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 3600
    assert Client(REMOTE_ADDR="127.0.9.9").post(ASK, {"email": "another@example.com"}).status_code == 302


def test_the_email_is_in_the_persons_language_else_in_that_of_the_page(user: User) -> None:
    ask(user.email, headers={"Accept-Language": "ar"})
    mailing.send_due()
    assert "كلمة مرور" in mail.outbox[-1].subject
    User.objects.filter(pk=user.pk).update(language="en")
    ask(user.email, headers={"Accept-Language": "ar"})
    mailing.send_due()
    assert "password" in mail.outbox[-1].subject


def test_an_email_that_cannot_be_sent_comes_again_until_its_hour_is_over(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no mail server")

    ask(user.email)
    with monkeypatch.context() as broken:
        broken.setattr(mail.EmailMessage, "send", refuse)
        assert mailing.send_due() == 0
    assert mailing.send_due() == 0  # not before its time
    LoginMail.objects.update(due_at=timezone.now())
    assert mailing.send_due() == 1
    ask(user.email)
    LoginMail.objects.update(created_at=timezone.now() - dt.timedelta(hours=1, seconds=1))
    assert mailing.send_due() == 0
    assert not LoginMail.objects.exists()


# --- The link ---


def test_the_token_is_in_no_address_of_a_page_and_no_other_host_hears_of_it(user: User) -> None:
    path, client = link_for(user.email), Client()
    opened = client.get(path)
    token = path.rstrip("/").rpartition("/")[2]
    assert token not in opened["Location"]
    shown = client.get(opened["Location"])
    for answer in (opened, shown):
        assert answer["Referrer-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]
    assert token not in shown.content.decode()


def test_no_log_line_holds_a_link_of_a_mail() -> None:
    for path in ("/admin/reset/MQ/abc-secret/", "/admin/invitation/secret.signature/", "/p/secret"):
        record = logging.LogRecord("django", logging.WARNING, "", 0, "Not Found: %s", (path,), None)
        HideSecrets().filter(record)
        assert "secret" not in record.getMessage()


@pytest.mark.parametrize(
    "path", ["/admin/reset/MQ/{reset}/", "/admin/invitation/{link}/", "/p/{link}", "/p/unsubscribe/{link}"]
)
def test_no_line_of_a_page_that_failed_holds_a_link(path: str) -> None:
    secrets = {"reset": f"d1abcd-{'0f' * 16}", "link": f"{'a' * 30}.{'b' * 43}"}
    line = masking.mask_log_line(None, "", f'{{"path": "{path.format(**secrets)}", "event": "page_unavailable"}}')
    assert not any(secret in line for secret in secrets.values())
    assert line.endswith('", "event": "page_unavailable"}')


@pytest.mark.parametrize("change", ["expired", "logged in", "email", "inactive", "suspended", "tampered", "other"])
def test_a_link_ends(change: str, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = link_for(user.email)
    if change == "expired":
        settings.PASSWORD_RESET_TIMEOUT = -1
    elif change == "logged in":
        log_in(user)
    elif change == "email":
        User.objects.filter(pk=user.pk).update(email="elsewhere@example.com")
    elif change == "inactive":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif change == "suspended":
        Account.objects.update(suspended_at=timezone.now())
    elif change == "tampered":
        path = path[:-2] + ("a" if path[-2] != "a" else "b") + "/"
    else:
        other = make.user(make.account())
        path = path.replace(path.split("/")[3], link_for(other.email).split("/")[3])
    answer = follow(path)
    assert answer.status_code == 200
    assert "no longer works" in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password(make.PASSWORD)


def test_a_link_is_good_for_an_hour(settings: Any) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 3600


@pytest.mark.parametrize("uid", ["MQ", "AAAA", "_w", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "%00", "x" * 500])
def test_a_link_to_nobody_is_over(uid: str, db: None) -> None:
    answer = Client().get(f"/admin/reset/{uid}/abc-def/")
    assert answer.status_code in (200, 400, 404)


def test_a_link_that_was_used_between_reading_and_sending_the_form_changes_nothing(user: User) -> None:
    path, first, second = link_for(user.email), Client(), Client()
    forms = [client.get(path)["Location"] for client in (first, second)]
    assert first.post(forms[0], BOTH).status_code == 302
    late = second.post(forms[1], {"new_password1": "of the second one", "new_password2": "of the second one"})
    assert "no longer works" in late.content.decode()
    assert logs_in(user, NEW)


def test_two_that_use_a_link_at_once_set_one_password(user: User) -> None:
    from inflow.accounts import passwords

    seen = [User.objects.get(pk=user.pk), User.objects.get(pk=user.pk)]
    passwords.renew(seen[0], NEW)
    with pytest.raises(ResetLinkUsed):
        passwords.renew(seen[1], "of the second one")
    assert logs_in(user, NEW)


def test_a_weak_password_is_refused_and_the_link_stays_good(user: User) -> None:
    path, client = link_for(user.email), Client()
    refused = follow(path, client, new_password1="12345678", new_password2="12345678")
    assert refused.context["form"].errors
    assert follow(path, client).status_code == 302


def test_the_second_step_is_still_needed_and_is_as_it_was(user: User) -> None:
    key, _ = two_steps(user)
    follow(link_for(user.email))
    client = Client()
    client.post("/admin/login/", {"username": user.email, "password": NEW})
    assert not is_in(client)
    client.post("/admin/login/code/", {"code": code_of(key)})
    assert is_in(client)


def test_who_was_shut_out_for_wrong_passwords_gets_in_with_the_new_one(user: User) -> None:
    AccessAttempt.objects.create(username=user.email, ip_address="127.0.0.1", failures_since_start=5)
    assert not logs_in(user, make.PASSWORD)
    follow(link_for(user.email))
    assert logs_in(user, NEW)


def test_a_browser_that_is_logged_in_is_logged_out_too(user: User) -> None:
    client = log_in(user)
    path = link_for(user.email)
    assert follow(path, client)["Location"] == "/admin/reset/done/"
    assert not is_in(client)


def test_who_stopped_at_the_second_step_may_use_a_link(user: User) -> None:
    two_steps(user)
    client = log_in(user)
    assert client.get(ASK).status_code == 200
    assert follow(link_for(user.email), client)["Location"] == "/admin/reset/done/"


def test_the_person_is_told_by_mail_that_the_password_was_changed(user: User) -> None:
    follow(link_for(user.email))
    mailing.send_due()
    assert mail.outbox[-1].to == [user.email]
    assert mail.outbox[-1].subject == "Your InFlow password was changed"
    assert "/admin/reset/" not in str(mail.outbox[-1].body)


def test_the_log_in_page_leads_there(db: None) -> None:
    assert f'href="{ASK}"' in Client().get("/admin/login/").content.decode()


# --- By an admin ---


def test_an_admin_types_nobodys_password_and_mails_a_link_instead(own: World, foreign: World) -> None:
    client, agent = own.logged_in(Role.ADMIN), own.people[Role.AGENT]
    new = {"password1": NEW, "password2": NEW, "usable_password": "true", "password": NEW}
    with nothing_changes(own, foreign):
        for person in (agent, own.people[Role.ADMIN], foreign.people[Role.AGENT]):
            for path in (f"/admin/accounts/user/{person.pk}/password/", f"/admin/auth/user/{person.pk}/password/"):
                assert client.post(path, new, follow=True).status_code == 404
        added = client.post(page("accounts_user", "add"), {"email": "x@example.com", "role": "viewer", **new})
        assert added["Location"] == page("accounts_invitation", "add")
    assert not User.objects.filter(email="x@example.com").exists()
    said = {"email": agent.email, "role": "agent", "is_active": "on", **new}
    client.post(page("accounts_user", "change", agent.pk), said)
    agent.refresh_from_db()
    assert not agent.check_password(NEW)

    agent.set_password(make.PASSWORD)
    agent.save()
    assert client.post(page("accounts_user", "mail_password_link", agent.pk)).status_code == 302
    mailing.send_due()
    assert mail.outbox[-1].to == [agent.email]
    assert follow(path_in(str(mail.outbox[-1].body))).status_code == 302
    entry = AuditEntry.objects.get(action="user.reset_requested")
    assert (entry.actor, entry.target) == (own.people[Role.ADMIN].email, agent.email)


def test_an_admin_mails_five_links_an_hour_to_a_person(own: World) -> None:
    agent = own.people[Role.AGENT]
    agent.set_password(make.PASSWORD)
    agent.save()
    client, address = own.logged_in(Role.ADMIN), page("accounts_user", "mail_password_link", agent.pk)
    for _ in range(3):
        assert client.post(address).status_code == 302
    mailing.send_due()
    for _ in range(2):
        assert client.post(address).status_code == 302
    assert client.post(address).context["form"].errors


def test_nobody_who_can_not_log_in_is_mailed_a_link_by_an_admin(own: World) -> None:
    agent = own.people[Role.AGENT]
    agent.set_password(make.PASSWORD)
    agent.is_active = False
    agent.save()
    sent = len(mail.outbox)
    own.logged_in(Role.ADMIN).post(page("accounts_user", "mail_password_link", agent.pk))
    assert mailing.send_due() == len(mail.outbox) - sent
    assert not [message for message in mail.outbox if message.to == [agent.email]]


def test_an_admin_changes_no_address_and_learns_nothing_of_one_that_is_taken(own: World, foreign: World) -> None:
    client, agent = own.logged_in(Role.ADMIN), own.people[Role.AGENT]
    for email in (foreign.people[Role.AGENT].email, "free@example.com"):
        answer = client.post(
            page("accounts_user", "change", agent.pk), {"email": email, "role": "agent", "is_active": "on"}
        )
        assert answer.status_code == 302
        agent.refresh_from_db()
        assert agent.email == "agent@falcon.example"


def test_a_filter_reads_no_digest_of_a_password(own: World) -> None:
    answer = own.logged_in(Role.ADMIN).get(page("accounts_user", "changelist") + "?password__startswith=md5")
    assert answer.status_code in (302, 400)
