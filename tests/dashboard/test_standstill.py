"""While messages are stopped, every page of the dashboard says so, and none says that something goes out."""

import datetime as dt

import pytest
from django.utils import timezone

from communications.models import CollectionSettings, Communication
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard import world
from tests.dashboard.world import World

pytestmark = pytest.mark.django_db
ALL = "All messages are stopped. Nothing is sent until somebody resumes them."


@pytest.fixture
def own() -> World:
    return world.build("Falcon")


def stop(account: Account, **how: object) -> None:
    CollectionSettings.objects.update_or_create(account=account, defaults=how)


def page(own: World, address: str, role: Role = Role.MANAGER) -> str:
    return str(own.logged_in(role).get(address, follow=True).content.decode())


@pytest.mark.parametrize(
    "lists", [["invoices_invoice", "accounts_apikey"], pytest.param(sorted(world.LISTS), marks=pytest.mark.nightly)]
)
def test_every_page_shows_a_red_bar_while_messages_are_stopped_and_none_otherwise(lists: list[str], own: World) -> None:
    pages = ["/admin/", *(world.page(name, "changelist") for name in lists)]
    pages.append(world.page("invoices_invoice", "change", own.invoice.pk))
    client = own.logged_in(Role.ADMIN)
    assert not any('class="standstill"' in client.get(each, follow=True).content.decode() for each in pages)
    stop(own.account, is_stopped=True)
    for each in pages:
        shown = client.get(each, follow=True).content.decode()
        assert shown.count('class="standstill"') == 1, each
        assert ALL in shown, each


def test_a_stopped_channel_is_named(own: World) -> None:
    stop(own.account, stopped_channels=["email"])
    assert "Email messages are stopped. Those that fall due are held until somebody resumes them." in page(
        own, "/admin/"
    )
    stop(own.account, stopped_channels=["email", "sms"])
    assert "Messages by these channels are stopped: Email, SMS. Those that fall due" in page(own, "/admin/")


def test_the_bar_leads_who_may_to_resume_and_is_of_the_accounts_that_are_seen(own: World) -> None:
    other = make.account("Other LLC")
    stop(other, is_stopped=True)
    assert "standstill" not in page(own, "/admin/")
    stop(own.account, is_stopped=True)
    link = world.page("communications_collectionsettings", "resume", own.account.pk)
    assert link in page(own, "/admin/")
    assert link not in page(own, "/admin/", Role.AGENT)
    staff = User.objects.create_superuser("staff@example.com", "a long enough password")
    client = own.logged_in(Role.MANAGER)
    client.force_login(staff)
    shown = client.get("/admin/", follow=True).content.decode()
    assert shown.count('class="standstill"') in (0, 2)  # 0: platform staff have to set up a second step first


def test_resume_takes_the_place_of_stop(own: World) -> None:
    settings = world.page("communications_collectionsettings", "change", own.account.pk)
    stop(own.account, is_stopped=False, stopped_channels=[])
    shown = page(own, settings)
    assert ("/stop" in shown, "/resume" in shown) == (True, False)
    stop(own.account, is_stopped=True)
    shown = page(own, settings)
    assert ("/stop" in shown, "/resume" in shown) == (False, True)


def test_nothing_goes_out_and_no_next_contact_is_shown_while_messages_are_stopped(own: World) -> None:
    invoice = make.overdue_invoice(own.account)
    row = Communication.objects.get(invoice=invoice)
    Communication.objects.filter(pk=row.pk).update(scheduled_for=timezone.now() + dt.timedelta(seconds=1))
    assert "Scheduled: 0 today, 0 tomorrow" not in page(own, "/admin/")
    case_file = world.page("invoices_invoice", "change", invoice.pk)
    assert "messages are stopped" not in page(own, case_file)
    for how in ({"is_stopped": True}, {"is_stopped": False, "stopped_channels": ["email"]}):
        stop(own.account, **how)
        assert "Scheduled: 0 today, 0 tomorrow" in page(own, "/admin/")
        assert "messages are stopped" in page(own, case_file)
        listed = page(own, world.page("communications_communication", "changelist") + "?status=scheduled")
        assert "messages are switched off" in listed
        assert ">stopped<" in page(own, world.page("invoices_invoice", "changelist")).replace("\n", "")
