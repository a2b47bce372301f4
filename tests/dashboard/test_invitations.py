"""Invitations: by email and role, once, for seven days, and the admin hears the same whoever has the address."""

import datetime as dt
import re
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from inflow.accounts import invitations, mailing
from inflow.accounts.errors import InvitationUnavailable, UserExists
from inflow.accounts.models import Account, AuditEntry, Invitation, LoginMail, User
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard.test_passwords import path_in
from tests.dashboard.test_security import SET_UP, is_in
from tests.dashboard.world import World, linked, nothing_changes, page, platform

pytestmark = pytest.mark.django_db
ADD = page("accounts_invitation", "add")
NEW = "a brand new pass phrase"
JOIN = {"first_name": "Layla", "last_name": "Haddad", "new_password1": NEW, "new_password2": NEW}


@pytest.fixture(autouse=True)
def _nothing_waits(own: World) -> None:
    LoginMail.objects.all().delete()


def invite(own: World, email: str = "layla@example.com", role: str = "agent", who: Role = Role.ADMIN) -> Any:
    return own.logged_in(who).post(ADD, {"email": email, "role": role})


def mailed() -> str:
    """The text of the email that is sent now."""
    before = len(mail.outbox)
    mailing.send_due()
    assert len(mail.outbox) == before + 1
    return str(mail.outbox[-1].body)


def invited(own: World, email: str = "layla@example.com", role: str = "agent") -> str:
    """The path of the link that was mailed."""
    assert invite(own, email, role).status_code == 302
    return path_in(mailed())


def open_link(path: str, client: Client | None = None) -> tuple[Client, Any]:
    client = client or Client()
    opened = client.get(path)
    return client, client.get(opened["Location"]) if opened.status_code == 302 else opened


def join(path: str, **said: str) -> tuple[Client, Any]:
    client, _ = open_link(path)
    return client, client.post("/admin/invitation/", {**JOIN, **said})


def actions(own: World) -> list[str]:
    entries = AuditEntry.objects.filter(account=own.account, action__startswith="invitation.").order_by("id")
    return [entry.action.partition(".")[2] for entry in entries][1:]  # the first is the world's


def of(own: World, email: str = "layla@example.com") -> Invitation:
    return Invitation.objects.get(account=own.account, email=email, withdrawn_at=None)


# --- Joining ---


def test_an_invited_person_sets_name_and_password_and_is_in(own: World) -> None:
    path = invited(own, "Layla@Example.com")
    assert mail.outbox[-1].to == ["layla@example.com"]
    assert own.people[Role.ADMIN].email in str(mail.outbox[-1].body)
    client, joined = join(path)
    assert joined["Location"] == "/admin/"
    assert is_in(client)
    person = User.objects.get(email="layla@example.com")
    assert (person.account, person.role, person.is_superuser) == (own.account, Role.AGENT, False)
    assert (person.get_full_name(), person.check_password(NEW)) == ("Layla Haddad", True)
    assert actions(own) == ["created", "accepted"]
    accepted = AuditEntry.objects.get(action="invitation.accepted")
    assert (accepted.actor, accepted.detail["role"]) == ("layla@example.com", "agent")
    assert NEW not in str(list(AuditEntry.objects.values()))


def test_a_link_is_used_once(own: World) -> None:
    path = invited(own)
    join(path)
    client, again = open_link(path)
    assert again.status_code == 410
    assert client.post("/admin/invitation/", JOIN).status_code == 410
    assert User.objects.filter(email="layla@example.com").count() == 1


def test_of_two_who_accept_at_once_one_joins(own: World) -> None:
    invited(own)
    seen = [of(own), of(own)]
    invitations.accept(seen[0], User())
    with pytest.raises(InvitationUnavailable):
        invitations.accept(seen[1], User())


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_name": " "},
        {"new_password2": "another one"},
        {"new_password1": "12345678", "new_password2": "12345678"},
        {"new_password1": "layla@example.com", "new_password2": "layla@example.com"},
        {"first_name": "x" * 151},
        {"first_name": "a\0b"},
    ],
)
def test_what_is_not_filled_in_right_makes_nobody(wrong: dict[str, str], own: World) -> None:
    _, answer = join(invited(own), **wrong)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not User.objects.filter(email="layla@example.com").exists()


def test_what_the_form_does_not_ask_is_not_heard(own: World, foreign: World) -> None:
    join(invited(own), email="x@example.com", role="admin", account=str(foreign.account.pk), is_superuser="on")
    person = User.objects.get(email="layla@example.com")
    assert (person.account, person.role, person.is_superuser) == (own.account, Role.AGENT, False)
    assert not User.objects.filter(email="x@example.com").exists()


def test_an_invited_admin_sets_up_the_second_step_where_the_account_asks_for_it(own: World) -> None:
    path = invited(own, role="admin")
    Account.objects.filter(pk=own.account.pk).update(admins_use_two_steps=True)
    _, shown = open_link(path)
    assert "authenticator app" in shown.content.decode()
    client, joined = join(path)
    assert client.get(joined["Location"])["Location"].startswith(SET_UP)
    assert not is_in(client)


def test_the_token_stands_in_no_address_of_a_page(own: World) -> None:
    path = invited(own)
    token = path.rstrip("/").rpartition("/")[2]
    client = Client()
    opened = client.get(path)
    assert opened["Location"] == "/admin/invitation/"
    shown = client.get("/admin/invitation/")
    assert token not in shown.content.decode()
    for answer in (opened, shown):
        assert answer["Referrer-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]


def test_the_link_is_built_from_the_base_url(own: World, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    own.logged_in(Role.ADMIN).post(
        ADD, {"email": "layla@example.com", "role": "agent"}, headers={"Host": "evil.example"}
    )
    assert "evil.example" not in mailed()


def test_who_is_logged_in_as_somebody_else_joins_as_the_invited_person(own: World) -> None:
    path = invited(own)
    client = own.logged_in(Role.ADMIN)
    open_link(path, client)
    assert client.post("/admin/invitation/", JOIN).status_code == 302
    assert client.get("/admin/").wsgi_request.user.email == "layla@example.com"  # type: ignore[union-attr]


# --- The end of a link ---


@pytest.mark.parametrize(
    "change",
    ["expired", "withdrawn", "resent", "suspended", "inviter closed", "inviter demoted", "inviter moved", "forged"],
)
def test_a_link_ends(change: str, own: World, foreign: World) -> None:
    path = invited(own, role="manager")
    admin = User.objects.filter(pk=own.people[Role.ADMIN].pk)
    if change == "expired":
        Invitation.objects.filter(pk=of(own).pk).update(expires_at=timezone.now())
    elif change in ("withdrawn", "resent"):
        what = {"withdrawn": "withdraw", "resent": "resend"}[change]
        assert own.logged_in(Role.ADMIN).post(page("accounts_invitation", what, of(own).pk)).status_code == 302
    elif change == "suspended":
        Account.objects.filter(pk=own.account.pk).update(suspended_at=timezone.now())
    elif change == "inviter closed":
        admin.update(is_active=False)
    elif change == "inviter demoted":
        admin.update(role=Role.AGENT)
    elif change == "inviter moved":
        admin.update(account=foreign.account)
    else:
        path = path[:-2] + ("a" if path[-2] != "a" else "b") + "/"
    if change.startswith("inviter"):
        assert ">Not valid<" in platform().get(page("accounts_invitation", "changelist")).content.decode()
    _, answer = open_link(path)
    assert answer.status_code == 410
    _, answer = join(path)
    assert answer.status_code == 410
    assert not User.objects.filter(email="layla@example.com").exists()


def test_a_link_is_good_for_seven_days(own: World) -> None:
    path = invited(own)
    left = of(own).expires_at - timezone.now()
    assert dt.timedelta(days=6, hours=23) < left <= dt.timedelta(days=7)
    assert open_link(path)[1].status_code == 200


def test_an_invitation_that_is_sent_again_has_a_new_link_and_its_old_email_is_not_sent(own: World) -> None:
    invite(own)
    assert own.logged_in(Role.ADMIN).post(page("accounts_invitation", "resend", of(own).pk)).status_code == 302
    _, joined = join(path_in(mailed()))
    assert joined.status_code == 302
    assert actions(own) == ["created", "resent", "accepted"]


def test_a_withdrawn_invitation_is_not_mailed_and_the_address_can_be_invited_again(own: World) -> None:
    invite(own)
    assert own.logged_in(Role.ADMIN).post(page("accounts_invitation", "withdraw", of(own).pk)).status_code == 302
    assert mailing.send_due() == 0
    for what in ("withdraw", "resend"):
        gone = Invitation.objects.get(email="layla@example.com")
        with nothing_changes(own):
            assert own.logged_in(Role.ADMIN).post(page("accounts_invitation", what, gone.pk)).context["form"].errors
    assert join(invited(own))[1].status_code == 302
    assert actions(own) == ["created", "withdrawn", "created", "accepted"]


def test_an_expired_invitation_is_invited_again_and_a_pending_one_is_sent_again_instead(own: World) -> None:
    path = invited(own)
    refused = invite(own, "LAYLA@example.com")
    assert "already invited" in refused.content.decode()
    Invitation.objects.filter(pk=of(own).pk).update(expires_at=timezone.now())
    assert join(invited(own, role="viewer"))[1].status_code == 302
    assert open_link(path)[1].status_code == 410
    assert User.objects.get(email="layla@example.com").role == Role.VIEWER


# --- What the admin hears ---


def test_the_admin_hears_the_same_whether_or_not_the_address_has_a_log_in_elsewhere(own: World, foreign: World) -> None:
    elsewhere = foreign.people[Role.AGENT].email
    closed = make.user(foreign.account)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    staff = User.objects.create_superuser("chief@inflow.example", account=own.account)
    heard = set()
    client = own.logged_in(Role.ADMIN)
    for email in ("nobody@example.com", elsewhere, closed.email, staff.email):
        answer = client.post(ADD, {"email": email, "role": "viewer"})
        shown = client.get(answer["Location"]).content.decode()
        assert email in shown
        row = client.get(page("accounts_invitation", "change", of(own, email).pk)).content.decode()
        told = re.findall(r"An invitation is being sent to [^<]*|badge-info\">Pending", shown + row)
        heard.add(str(told[0]).replace(email, "") + str(told.count('badge-info">Pending') > 0))
    assert len(heard) == 1
    mailing.send_due()
    bodies = {message.to[0]: str(message.body) for message in mail.outbox}
    assert "/admin/invitation/" in bodies["nobody@example.com"]
    for email in (elsewhere, closed.email, staff.email):
        assert "already has a log-in" in bodies[email]
        assert "/admin/invitation/" not in bodies[email]
    entries = AuditEntry.objects.filter(account=own.account, action="invitation.created").order_by("-id")[:4]
    assert [entry.detail for entry in entries] == [{"role": "viewer"}] * 4


def test_one_who_got_a_log_in_elsewhere_meanwhile_is_told_so_by_the_link_alone(own: World, foreign: World) -> None:
    path = invited(own)
    client, _ = open_link(path)
    make.user(foreign.account, email="layla@example.com")
    assert "already has a log-in" in client.post("/admin/invitation/", JOIN).content.decode()
    assert open_link(path)[1].status_code == 410
    with pytest.raises(UserExists):
        invitations.accept(of(own), User())
    assert of(own).is_pending


def test_somebody_of_the_account_is_not_invited(own: World) -> None:
    with nothing_changes(own):
        assert "already a user" in invite(own, own.people[Role.AGENT].email).content.decode()


@pytest.mark.parametrize(
    "wrong", [{"role": "chief"}, {"role": "platform"}, {"email": "x"}, {"email": ""}, {"role": ""}]
)
def test_an_invitation_that_is_not_filled_in_right_is_not_sent(wrong: dict[str, str], own: World) -> None:
    with nothing_changes(own):
        said = {"email": "layla@example.com", "role": "agent", **wrong}
        assert own.logged_in(Role.ADMIN).post(ADD, said).context["form"].errors
    assert not LoginMail.objects.exists()


@pytest.mark.parametrize(
    "email", ["a@stra\u00dfe.example", "a@exam\u200bple.com", "a@" + ".".join(["\u0130" * 40] * 5) + ".com"]
)
def test_an_address_that_another_mailbox_may_read_is_not_invited(email: str, own: World) -> None:
    answer = own.logged_in(Role.ADMIN).post(page("accounts_invitation", "add"), {"email": email, "role": "viewer"})
    assert (answer.status_code, "xn--" in answer.content.decode()) == (200, True)
    assert not Invitation.objects.filter(email__startswith="a@").exists()


def test_an_account_sends_so_many_invitations_a_day(own: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "PER_DAY", 3)
    assert invite(own).status_code == 302
    again = page("accounts_invitation", "resend", of(own).pk)
    assert own.logged_in(Role.ADMIN).post(again).status_code == 302
    assert own.logged_in(Role.ADMIN).post(again).context["form"].errors
    assert "invitations per day" in invite(own, "b@example.com").content.decode()


def test_only_an_admin_invites_and_nobody_reaches_into_another_account(own: World, foreign: World) -> None:
    theirs = foreign.rows["accounts_invitation"]
    with nothing_changes(own, foreign):
        for role in (Role.VIEWER, Role.AGENT, Role.MANAGER):
            assert invite(own, who=role).status_code == 403
        for what in ("resend", "withdraw"):
            assert own.logged_in(Role.ADMIN).post(page("accounts_invitation", what, theirs)).status_code == 404
    listed = own.logged_in(Role.ADMIN).get(page("accounts_invitation", "changelist")).content.decode()
    assert linked(listed, "accounts_invitation") == {str(own.rows["accounts_invitation"])}


def test_an_invitation_gives_no_more_than_the_inviter_has(own: World, foreign: World) -> None:
    for role, email, account in (
        (Role.MANAGER, "manager@falcon.example", own.account),
        (Role.ADMIN, "admin@falcon.example", foreign.account),
        (Role.ADMIN, "admin@falcon.example", None),
    ):
        with pytest.raises(ValidationError):
            invitations.invite(account, "x@example.com", role, by=User.objects.get(email=email))


@pytest.mark.parametrize("state", ["pending", "expired", "accepted", "withdrawn"])
def test_the_list_is_filtered_by_state(state: str, own: World) -> None:
    now, row = timezone.now(), Invitation.objects.filter(pk=own.rows["accounts_invitation"])
    changes: dict[str, dict[str, Any]] = {
        "pending": {},
        "expired": {"expires_at": now},
        "accepted": {"accepted_at": now},
        "withdrawn": {"withdrawn_at": now},
    }
    row.update(**changes[state])
    for asked in changes:
        html = (
            own.logged_in(Role.ADMIN)
            .get(page("accounts_invitation", "changelist") + f"?state={asked}")
            .content.decode()
        )
        assert bool(linked(html, "accounts_invitation")) == (asked == state)


# --- Platform staff ---


def test_platform_staff_invite_for_any_account_and_for_the_platform(own: World) -> None:
    client = platform()
    for wrong in (
        {"role": "viewer"},
        {"role": "platform", "account_choice": str(own.account.pk)},
    ):
        assert client.post(ADD, {"email": "s@example.com", **wrong}).context["form"].errors
    assert client.post(ADD, {"email": "s@example.com", "role": "platform"}).status_code == 302
    join(path_in(mailed()))
    staff = User.objects.get(email="s@example.com")
    assert (staff.is_superuser, staff.account) == (True, None)
    said = {"email": "v@example.com", "role": "viewer", "account_choice": str(own.account.pk)}
    assert client.post(ADD, said).status_code == 302
    join(path_in(mailed()))
    viewer = User.objects.get(email="v@example.com")
    assert (viewer.is_superuser, viewer.account, viewer.role) == (False, own.account, Role.VIEWER)


def test_the_email_is_in_the_accounts_language(own: World) -> None:
    Account.objects.filter(pk=own.account.pk).update(language="ar")
    invite(own)
    assert "يدعوكم" in mailed()
    assert "دعوة" in mail.outbox[-1].subject
