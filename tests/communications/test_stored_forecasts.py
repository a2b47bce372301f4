"""Forecasts of large accounts: a worker computes them, the API and the dashboard show the last one."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from communications.engine import forecast, stored_forecasts
from communications.models import ForecastPart, StoredForecast
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from tests import make
from tests.dashboard.world import logged_in

pytestmark = pytest.mark.django_db
DAYS = 30


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_forecasts, "LARGE", 1)
    monkeypatch.setattr(stored_forecasts, "PART_SIZE", 2)


@pytest.fixture
def account() -> Account:
    account = make.account("Falcon")
    for number in range(3):
        owing(account, number)
    return account


def owing(account: Account, number: int) -> None:
    make.invoice(
        account,
        invoice_number=f"F-{number}",
        debtor_name=f"Debtor {number}",
        debtor_company=f"Company {number}",
        debtor_email=f"f{number}@falcon.example",
        debtor_phone=f"+97150123456{number}",
        due_in=10,
    )


def api_of(account: Account) -> Client:
    _, plain = make.key(account)
    return Client(headers={"X-InFlow-Key": plain})


def computed(account: Account, days: int = DAYS) -> StoredForecast:
    stored_forecasts.latest(account, days)
    (waiting,) = stored_forecasts.waiting()
    assert stored_forecasts.compute(waiting)
    return StoredForecast.objects.get(pk=waiting)


def test_the_first_one_is_being_computed_and_then_shown_with_its_age(account: Account) -> None:
    api = api_of(account)
    answer = api.get("/api/zapier/forecast")
    assert (answer.status_code, answer.json()["code"]) == (503, "forecast_pending")
    assert int(answer["Retry-After"]) >= 1
    stored = computed(account)
    answer = api.get("/api/zapier/forecast")
    assert answer.status_code == 200
    assert stored.computed_at
    assert answer["X-Computed-At"] == f"{stored.computed_at:%Y-%m-%dT%H:%M:%SZ}"
    told = [(entry["invoice_number"], entry["scheduled_for"]) for entry in answer.json()]
    expected = forecast.forecast(account, DAYS).entries
    assert told == [(entry.invoice_number, _written(entry.scheduled_for)) for entry in expected]
    assert len(told) > stored_forecasts.PART_SIZE


def _written(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def test_its_pages_are_of_one_forecast_though_a_newer_one_comes_between(account: Account) -> None:
    stored = computed(account)
    api = api_of(account)
    whole = api.get("/api/zapier/forecast").json()
    first = api.get("/api/zapier/forecast?limit=1")
    owing(account, 9)
    StoredForecast.objects.filter(pk=stored.pk).update(computed_at=timezone.now() - stored_forecasts.FRESH_FOR)
    newer = computed(account)
    assert newer.count > stored.count
    pages, following = first.json(), first["Link"]
    while following:
        answer: Any = api.get(following.partition(">")[0][1:].replace("http://testserver", ""))
        pages += answer.json()
        following = answer.get("Link")
    assert pages == whole


def test_an_old_one_is_shown_while_the_next_is_computed(account: Account) -> None:
    stored = computed(account)
    assert stored_forecasts.latest(account, DAYS) == stored
    assert stored_forecasts.waiting() == []
    StoredForecast.objects.filter(pk=stored.pk).update(computed_at=timezone.now() - dt.timedelta(hours=1))
    assert stored_forecasts.latest(account, DAYS) == stored
    assert len(stored_forecasts.waiting()) == 1
    assert stored_forecasts.latest(account, 7) is None  # an account has one at a time
    assert len(stored_forecasts.waiting()) == 1


def test_one_worker_computes_it_and_another_takes_over_when_that_dies(account: Account) -> None:
    stored_forecasts.latest(account, DAYS)
    (waiting,) = stored_forecasts.waiting()
    StoredForecast.objects.update(claimed_until=timezone.now() + dt.timedelta(minutes=1))
    assert not stored_forecasts.compute(waiting)
    StoredForecast.objects.update(claimed_until=timezone.now() - dt.timedelta(minutes=1))
    assert stored_forecasts.compute(waiting)
    assert not stored_forecasts.compute(waiting)


def test_another_account_sees_nothing_of_it(account: Account) -> None:
    stored = computed(account)
    other = make.account("Sandfox")
    assert stored_forecasts.get(other, stored.pk) is None
    assert stored_forecasts.latest(other, DAYS) is None


def test_one_that_can_not_be_whole_says_how_far_it_got(account: Account) -> None:
    stored = computed(account)
    StoredForecast.objects.filter(pk=stored.pk).update(is_whole=False)
    answer = api_of(account).get("/api/zapier/forecast")
    assert (answer.status_code, answer.json()["code"]) == (503, "forecast_too_long")


def test_the_page_says_that_it_is_being_computed_and_then_shows_it(account: Account) -> None:
    client = logged_in(make.user(account, Role.VIEWER))
    address = "/admin/communications/collectionsettings/forecast/"
    html = client.get(address).content.decode()
    assert "is being computed" in html
    assert "data-at-work" in html
    (waiting,) = stored_forecasts.waiting()
    assert stored_forecasts.compute(waiting)
    html = client.get(address).content.decode()
    assert "data-at-work" not in html
    assert "Computed on" in html
    assert "F-0" in html


def test_they_are_forgotten_after_a_day(account: Account) -> None:
    computed(account)
    StoredForecast.objects.update(computed_at=timezone.now() - dt.timedelta(days=1))
    assert stored_forecasts.delete_old()
    assert not ForecastPart.objects.exists()
