"""Log-in in two steps, and the sessions of a person."""

import base64
import re
import time
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django_otp.oath import TOTP

from inflow.accounts import second_step, sessions
from inflow.accounts.models import Account, AuditEntry, Authenticator, Session, User
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard.world import World, logged_in, nothing_changes, page, platform

pytestmark = pytest.mark.django_db
SET_UP, CODE, SECURITY = "/admin/security/two-steps/set-up/", "/admin/login/code/", "/admin/security/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.fixture
def user() -> User:
    return make.user(make.account())


def log_in(user: User, agent: str = FIREFOX) -> Client:
    client = Client(headers={"User-Agent": agent})
    client.post("/admin/login/", {"username": user.email, "password": make.PASSWORD})
    return client


def code_of(key: str, *, half_minutes: int = 0) -> str:
    totp = TOTP(base64.b32decode(key.replace(" ", "")))
    totp.time = time.time() + 30 * half_minutes
    return f"{totp.token():06}"


def two_steps(user: User) -> tuple[str, list[str]]:
    """An authenticator's key and the recovery codes; the code that set it up is not the one of now."""
    key = second_step.new_key()
    return key, second_step.enrol(user, key, code_of(key, half_minutes=-1))


def said_of(user: User) -> list[str]:
    return list(AuditEntry.objects.filter(target=user.email).order_by("id").values_list("action", flat=True))


def is_in(client: Client) -> bool:
    return client.get("/admin/invoices/invoice/").status_code == 200


# --- The second step ---


def test_setting_up_shows_a_picture_and_a_key_and_then_the_recovery_codes_this_once(user: User) -> None:
    client, elsewhere = log_in(user), log_in(user)
    shown = client.get(SET_UP)
    assert "no-store" in shown["Cache-Control"]
    html = shown.content.decode()
    assert "<svg" in html
    key = re.search(r'<bdi class="code key"[^>]*>([A-Z2-7 ]+)</bdi>', html)
    assert key is not None
    assert client.post(SET_UP, {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()

    done = client.post(SET_UP, {"code": code_of(key[1])})
    assert "no-store" in done["Cache-Control"]
    codes = re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", done.content.decode())
    assert len(codes) == 10
    stored = str(Authenticator.objects.values().get())
    assert key[1].replace(" ", "") not in stored
    assert not any(code in stored for code in codes)
    assert codes[0] not in client.get(SECURITY).content.decode()
    assert client.get(SET_UP)["Location"] == SECURITY
    assert (is_in(client), is_in(elsewhere)) == (True, False)
    assert said_of(user)[-1] == "second_step.set_up"


def test_a_password_alone_opens_nothing_once_two_steps_are_set_up(user: User) -> None:
    key, _ = two_steps(user)
    client = log_in(user)
    for path in ("/admin/", "/admin/invoices/invoice/", SECURITY, "/admin/password_change/", "/admin/nowhere/"):
        assert client.get(path)["Location"].startswith(f"{CODE}?next=%2Fadmin%2F"), path
    assert client.get(SET_UP)["Location"] == SECURITY
    assert "session.started" not in said_of(user)
    wanted = {"code": code_of(key), "next": "/admin/invoices/invoice/"}
    assert client.post(CODE, wanted)["Location"] == "/admin/invoices/invoice/"
    assert is_in(client)
    assert said_of(user) == ["session.started"]


def test_a_code_opens_once_and_one_of_long_ago_never(user: User) -> None:
    key, _ = two_steps(user)
    code = code_of(key)
    assert not is_in_after(user, code_of(key, half_minutes=-3))
    rest(user)
    assert is_in_after(user, code)
    assert not is_in_after(user, code)
    rest(user)
    assert is_in_after(user, code_of(key, half_minutes=1))


def test_a_recovery_code_opens_once_however_it_is_typed(user: User) -> None:
    _, codes = two_steps(user)
    assert is_in_after(user, codes[3].upper().replace("-", " "))
    assert not is_in_after(user, codes[3])
    assert said_of(user) == ["second_step.recovery_code_used", "session.started", "second_step.refused"]
    assert len(Authenticator.objects.get(user=user).recovery_digests) == 9


def test_after_a_wrong_code_the_right_one_has_to_wait_and_five_close_the_log_in(user: User) -> None:
    key, _ = two_steps(user)
    client = log_in(user)
    client.post(CODE, {"code": "000000"})
    waiting = client.post(CODE, {"code": code_of(key)})
    assert "then try again" in waiting.content.decode()
    assert AccessAttempt.objects.get().failures_since_start == 1
    log_in(user)  # a right password alone forgives nothing
    AccessAttempt.objects.update(failures_since_start=5)
    rest(user)
    refused = client.post(CODE, {"code": code_of(key)})
    assert (refused.status_code, is_in(client)) == (429, False)
    assert not is_in(log_in(user))


def test_a_code_leads_to_no_other_host(user: User) -> None:
    key, _ = two_steps(user)
    answer = log_in(user).post(CODE, {"code": code_of(key), "next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"


def test_two_steps_are_turned_off_by_a_code_only(user: User) -> None:
    key, _ = two_steps(user)
    client = log_in(user)
    client.post(CODE, {"code": code_of(key)})
    for path in ("turn-off", "codes"):
        assert client.post(f"/admin/security/two-steps/{path}/", {"code": "123456"}).context["form"].errors
        rest(user)
    assert Authenticator.objects.exists()
    new = client.post("/admin/security/two-steps/codes/", {"code": code_of(key, half_minutes=1)})
    codes = re.findall(r"(?:[a-z2-7]{4}-){3}[a-z2-7]{4}", new.content.decode())
    assert client.post("/admin/security/two-steps/turn-off/", {"code": codes[0]})["Location"] == SECURITY
    assert not Authenticator.objects.exists()
    assert said_of(user)[-2:] == ["second_step.codes_renewed", "second_step.turned_off"]


def test_an_account_that_asks_its_admins_for_two_steps_shows_them_nothing_before(own: World) -> None:
    Account.objects.filter(pk=own.account.pk).update(admins_use_two_steps=True)
    admin, manager = own.logged_in(Role.ADMIN), own.logged_in(Role.MANAGER)
    assert admin.get("/admin/")["Location"].startswith(SET_UP)
    with nothing_changes(own):
        assert admin.post(page("accounts_apikey", "add"), {"name": "x"})["Location"].startswith(SET_UP)
    assert is_in(manager)
    assert "is required for you" in admin.get(SET_UP).content.decode()


def test_platform_staff_need_two_steps_where_the_setting_says_so(settings: Any) -> None:
    client = platform()
    assert is_in(client)
    settings.STAFF_TWO_STEPS = True
    assert client.get("/admin/")["Location"].startswith(SET_UP)


def test_who_must_use_two_steps_cannot_turn_them_off(own: World) -> None:
    Account.objects.filter(pk=own.account.pk).update(admins_use_two_steps=True)
    key, _ = two_steps(own.people[Role.ADMIN])
    client = own.logged_in(Role.ADMIN)
    client.post(CODE, {"code": code_of(key)})
    client.post("/admin/security/two-steps/turn-off/", {"code": code_of(key, half_minutes=1)})
    assert Authenticator.objects.exists()


def test_an_admin_resets_the_two_steps_of_a_member_and_of_nobody_else(own: World, foreign: World) -> None:
    agent, admin = own.people[Role.AGENT], own.people[Role.ADMIN]
    for person in (agent, foreign.people[Role.AGENT]):
        two_steps(person)
    theirs = logged_in(agent)
    client = own.logged_in(Role.ADMIN)
    reset = "/admin/accounts/user/{}/reset_second_step/"
    assert client.post(reset.format(foreign.people[Role.AGENT].pk)).status_code == 404
    assert own.logged_in(Role.MANAGER).post(reset.format(agent.pk)).status_code == 403
    assert Authenticator.objects.count() == 2
    assert client.post(reset.format(agent.pk)).status_code == 302
    assert Authenticator.objects.get().user == foreign.people[Role.AGENT]
    assert theirs.get("/admin/")["Location"].startswith("/admin/login/?")
    assert AuditEntry.objects.get(action="second_step.reset").actor == admin.email
    assert client.post(reset.format(admin.pk)).context["form"].errors


def test_a_key_is_sealed_anew_by_the_first_field_key(user: User) -> None:
    key, _ = two_steps(user)
    stored = Authenticator.objects.get()
    second_step.reencrypt(stored)
    assert Authenticator.objects.get().sealed_key != stored.sealed_key
    assert is_in_after(user, code_of(key))


def is_in_after(user: User, code: str) -> bool:
    client = log_in(user)
    client.post(CODE, {"code": code})
    return is_in(client)


def rest(user: User) -> None:
    """The wait after a wrong code is over."""
    Authenticator.objects.filter(user=user).update(throttling_failure_count=0, throttling_failure_timestamp=None)


# --- Sessions ---


def test_a_person_sees_where_they_are_logged_in_and_ends_one_of_them(user: User) -> None:
    here, there, third = log_in(user), log_in(user, IPHONE), log_in(user)
    html = here.get(SECURITY).content.decode()
    assert html.count("Firefox on Linux") == 2
    assert "Safari on iPhone" in html
    assert "127.0.0.1" in html
    assert all(key not in html for key in Session.objects.values_list("session_key", flat=True))
    phone = Session.objects.get(agent=IPHONE)
    assert here.get(f"/admin/security/sessions/{phone.public_id}/end/").status_code == 405
    assert here.post(f"/admin/security/sessions/{phone.public_id}/end/").status_code == 302
    assert [is_in(client) for client in (here, there, third)] == [True, False, True]
    assert here.post("/admin/security/sessions/end-others/").status_code == 302
    assert [is_in(client) for client in (here, third)] == [True, False]
    assert said_of(user)[-2:] == ["session.ended", "session.others_ended"]


def test_nobody_ends_or_sees_the_session_of_somebody_else(own: World) -> None:
    logged_in(own.people[Role.AGENT]).get("/admin/")
    theirs = Session.objects.get(user=own.people[Role.AGENT])
    client = own.logged_in(Role.ADMIN)
    assert str(theirs.public_id) not in client.get(SECURITY).content.decode()
    assert client.post(f"/admin/security/sessions/{theirs.public_id}/end/").status_code == 404
    assert Session.objects.filter(pk=theirs.pk).exists()


def test_an_admin_ends_all_sessions_of_a_member_and_of_nobody_else(own: World, foreign: World) -> None:
    agent, stranger = own.people[Role.AGENT], foreign.people[Role.AGENT]
    theirs, strangers = logged_in(agent), logged_in(stranger)
    client = own.logged_in(Role.ADMIN)
    assert client.post(f"/admin/accounts/user/{stranger.pk}/end_sessions/").status_code == 404
    assert client.post(f"/admin/accounts/user/{agent.pk}/end_sessions/").status_code == 302
    assert (is_in(theirs), is_in(strangers)) == (False, True)
    assert AuditEntry.objects.get(action="user.sessions_ended").target == agent.email


@pytest.mark.parametrize("change", [{"role": "viewer", "is_active": "on"}, {"role": "agent", "is_active": ""}])
def test_another_role_or_none_ends_the_sessions(change: dict[str, str], own: World) -> None:
    agent = own.people[Role.AGENT]
    theirs = logged_in(agent)
    assert is_in(theirs)
    said = {"email": agent.email, **change}
    assert own.logged_in(Role.ADMIN).post(page("accounts_user", "change", agent.pk), said).status_code == 302
    assert not is_in(theirs)
    assert not sessions.active(agent).exists()


def test_a_new_password_ends_the_other_sessions(user: User) -> None:
    here, there = log_in(user), log_in(user)
    new = {"old_password": make.PASSWORD, "new_password1": "a-new-pass-word", "new_password2": "a-new-pass-word"}
    assert here.post("/admin/password_change/", {**new, "old_password": "x"}).status_code == 200
    assert is_in(there)
    assert here.post("/admin/password_change/", new).status_code == 302
    assert (is_in(here), is_in(there)) == (True, False)
    assert sessions.active(user).count() == 1
    assert said_of(user)[-1] == "user.password_changed"


def test_a_session_is_written_every_five_minutes_and_ends_after_the_days_that_are_set(
    user: User, settings: Any
) -> None:
    client = log_in(user)
    assert is_in(client)
    before = Session.objects.get()
    assert is_in(client)
    assert Session.objects.get().seen_at == before.seen_at
    later = client.session
    later["seen_at"] -= 301
    later.save()
    assert is_in(client)
    assert Session.objects.get().seen_at >= before.seen_at
    assert Session.objects.get().public_id == before.public_id
    settings.SESSION_DAYS = 0
    assert not is_in(client)
    assert not Session.objects.exists()


def test_what_happens_at_the_door_is_in_the_audit_log(user: User) -> None:
    before = AuditEntry.objects.count()
    Client().post("/admin/login/", {"username": user.email, "password": "wrong"})
    Client().post("/admin/login/", {"username": "nobody@example.com", "password": "wrong"})
    client = log_in(user)
    assert client.post("/admin/logout/").status_code == 200
    assert said_of(user) == ["session.refused", "session.started", "session.ended"]
    started = AuditEntry.objects.get(action="session.started")
    assert started.detail == {"address": "127.0.0.1", "device": "Firefox on Linux"}
    assert started.account == user.account
    assert AuditEntry.objects.count() == before + 3


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1", "Safari on macOS"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_told_in_words(agent: str, words: str) -> None:
    assert sessions.device(agent) == words
