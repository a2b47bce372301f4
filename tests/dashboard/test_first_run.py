"""The first three steps of an account."""

import pytest
from django.test import Client

from communications.models import Communication
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard.world import World, logged_in

pytestmark = pytest.mark.django_db
DISMISS = "/admin/first-run/dismiss"


def steps(account: Account, role: Role = Role.ADMIN) -> list[bool]:
    """Which of the steps are done; none where they are not shown."""
    shown = logged_in(make.user(account, role)).get("/admin/").context["first_steps"]
    return [step.is_done for step in shown]


def test_an_empty_account_is_led_through_three_steps_which_facts_tick_off() -> None:
    account = make.account()
    assert steps(account) == [False, False, False]
    make.key(account)
    assert steps(account) == [True, False, False]
    assert steps(account, Role.MANAGER) == [False, False]  # who makes no keys
    assert steps(account, Role.AGENT) == []
    sent = make.sent_reminder(account)
    assert steps(account) == []
    Communication.objects.filter(pk=sent.pk).update(status="scheduled", sent_at=None)
    assert steps(account) == [True, True, False]


def test_the_second_step_has_a_ready_curl_that_the_api_takes() -> None:
    account = make.account(is_test=True)
    html = logged_in(make.user(account)).get("/admin/").content.decode()
    assert "curl -X POST http://testserver/api/zapier/invoices" in html
    assert "inflow_test_…" in html


def test_they_are_dismissed_by_post_for_one_account_and_browser(own: World) -> None:
    empty = make.account()
    client = logged_in(make.user(empty))
    assert client.get(DISMISS).status_code == 405
    assert client.get("/admin/").context["first_steps"]
    assert client.post(DISMISS)["Location"] == "/admin/"
    assert client.get("/admin/").context["first_steps"] == []
    assert steps(empty) == [False, False, False]


def test_nobody_dismisses_without_logging_in(client: Client) -> None:
    answer = client.post(DISMISS)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
