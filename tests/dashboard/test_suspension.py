"""People of a suspended account read its dashboard, and change nothing there but their own log-in."""

import pytest
from django.test import Client
from django.utils import timezone

from inflow.accounts import invitations
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard.world import ADDS, LISTS, SAID, VERBS, World, nothing_changes, page, platform, said, verb

pytestmark = pytest.mark.django_db
BANNER = "This account is suspended"


def suspend(world: World) -> None:
    Account.objects.filter(pk=world.account.pk).update(suspended_at=timezone.now())


def test_every_page_can_be_read_and_has_a_banner(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    pages = ["/admin/", *(page(name, "changelist") for name in LISTS)]
    pages.append(page("invoices_invoice", "change", own.invoice.pk))
    assert BANNER not in client.get("/admin/").content.decode()
    suspend(own)
    for each in pages:
        answer = client.get(each, follow=True)
        assert (answer.status_code, answer.content.decode().count(BANNER)) == (200, 1), each


def test_no_form_changes_anything(own: World) -> None:
    suspend(own)
    client = own.logged_in(Role.ADMIN)
    forms = [(verb(name, own), said(name)) for name in {*VERBS, *SAID}]
    forms += [(page(name, "add"), {"name": "New"}) for name in ADDS]
    forms += [(page("accounts_account", "change", own.account.pk), {"time_zone": "Asia/Riyadh"})]
    forms += [(page("invoices_invoice", "changelist"), {"action": "hold_selected", "_selected_action": own.invoice.pk})]
    forms += [("/admin/first-run/dismiss", {}), ("/admin/nothing/", {})]
    with nothing_changes(own):
        for address, body in forms:
            answer = client.post(address, body)
            assert (answer.status_code, "only be read" in answer.content.decode()) == (403, True), address
            assert answer["Content-Security-Policy"]


def test_people_may_still_mind_their_own_log_in(own: World) -> None:
    suspend(own)
    client, user = own.logged_in(Role.AGENT), own.people[Role.AGENT]
    assert client.post("/admin/language/", {"language": "ar"}).status_code == 302
    assert User.objects.get(pk=user.pk).language == "ar"
    for address in ("/admin/password_change/", "/admin/security/two-steps/set-up/"):
        assert client.post(address, {}).status_code == 200, address
    assert client.post("/admin/logout/").status_code in (200, 302)
    assert client.get("/admin/").status_code == 302


def test_an_invitation_to_another_account_is_accepted(own: World, foreign: World) -> None:
    invitation = invitations.invite(foreign.account, "new@x.example", Role.VIEWER, by=foreign.people[Role.ADMIN])
    client = own.logged_in(Role.AGENT)
    suspend(own)
    client.get(invitations.url(invitation))
    phrase = "a brand new pass phrase"
    joined = {"first_name": "Layla", "new_password1": phrase, "new_password2": phrase}
    assert client.post("/admin/invitation/", joined).status_code == 302
    assert User.objects.filter(email="new@x.example", account=foreign.account).exists()


def test_they_log_in(own: World) -> None:
    user = make.user(own.account)
    suspend(own)
    client = Client()
    assert client.post("/admin/login/", {"username": user.email, "password": make.PASSWORD}).status_code == 302
    assert BANNER in client.get("/admin/").content.decode()


def test_other_accounts_and_platform_staff_go_on(own: World, foreign: World) -> None:
    suspend(own)
    address = page("invoices_invoice", "note", foreign.invoice.pk)
    body = {"notes": "Called them."}
    assert foreign.logged_in(Role.MANAGER).post(address, body).status_code == 302
    assert platform().post(page("invoices_invoice", "note", own.invoice.pk), body).status_code == 302
    assert BANNER not in platform_page()


def platform_page() -> str:
    client = Client()
    client.force_login(User.objects.get(email="chief@inflow.example"))
    return client.get("/admin/").content.decode()
