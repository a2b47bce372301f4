"""The open items are fetched once a day from the account's URL, and compared as an uploaded list."""

import datetime as dt
import json
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.utils import timezone

from communications.delivery import notices
from communications.models import CollectionSettings
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from invoices.errors import Refused
from invoices.imports.reading import MAX_BYTES
from invoices.models import Difference, Invoice, OpenItemsList, OpenItemsSource
from invoices.reconciliation import fetching, sources
from tests import make
from tests.receiver import Answer, Receiver
from tests.webhooks import wire

pytestmark = pytest.mark.django_db

SECRET = "Bearer the-erp-token-8213"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.TRY_OUT = True


@pytest.fixture
def books() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def invoice(account: Account) -> Invoice:
    return make.invoice(account, invoice_number="INV-1", amount=1000, currency="AED")


def source_of(account: Account, url: str, **settings: Any) -> OpenItemsSource:
    """A source whose fetch is due."""
    source = sources.create(account, url=url, **{"hour": 6, "authorization": SECRET, **settings})
    return due_again(source)


def due_again(source: OpenItemsSource) -> OpenItemsSource:
    OpenItemsSource.objects.filter(pk=source.pk).update(next_fetch_at=timezone.now(), claimed_until=None)
    source.refresh_from_db()
    return source


def fetched(source: OpenItemsSource) -> OpenItemsSource:
    fetching.fetch(source.pk)
    return OpenItemsSource.objects.get(pk=source.pk)


def kinds() -> list[tuple[str, str]]:
    return list(Difference.objects.order_by("id").values_list("kind", "invoice_number"))


def registered_the_day_before() -> None:
    """A fetched file is as of its day: it does not report invoices of that day as closed."""
    before = timezone.now() - dt.timedelta(days=1)
    Invoice.objects.update(created_at=before, entered_at=before)


def csv_of(*rows: str) -> Answer:
    return Answer(body="\n".join(["Invoice Number,Currency,Balance", *rows]).encode())


def test_a_csv_is_compared_as_an_upload_and_confirms_the_payments(
    account: Account, invoice: Invoice, books: Receiver
) -> None:
    make.invoice(account, invoice_number="INV-2", amount=5, currency="AED")
    registered_the_day_before()
    make.invoice(account, invoice_number="INV-3", amount=5, currency="AED")
    books.answer = csv_of("INV-1,AED,400.00")
    source = fetched(source_of(account, f"{books.url}/open.csv?of=all"))
    (request,) = books.requests
    assert (request.method, request.path, request.headers["authorization"]) == ("GET", "/hook/open.csv?of=all", SECRET)
    assert kinds() == [("other_balance", "INV-1"), ("closed_there", "INV-2")]
    made = OpenItemsList.objects.get()
    assert (made.source, made.file_name, made.complete, made.items) == ("fetch", "open.csv", ["AED"], 1)
    assert CollectionSettings.objects.get(account=account).payments_synced_at
    assert (source.problem, source.failed_at, source.claimed_until) == ("", None, None)
    assert source.fetched_at
    assert source.next_fetch_at
    local = source.next_fetch_at.astimezone(account.zone)
    assert (local.hour, local.minute) == (6, 0)
    assert dt.timedelta() < source.next_fetch_at - timezone.now() <= dt.timedelta(days=1)


@pytest.mark.parametrize("wraps", [True, False])
def test_json_is_that_of_the_api_or_its_array_of_items(
    account: Account, invoice: Invoice, books: Receiver, wraps: bool
) -> None:
    items = [{"invoice_number": "INV-7", "currency": "AED", "balance": 70.5}]
    if not wraps:
        registered_the_day_before()
    data: Any = {"as_of": account.now().isoformat(), "complete": ["AED"], "items": items} if wraps else items
    books.answer = Answer(body=json.dumps(data).encode())
    fetched(source_of(account, books.url))
    assert kinds() == [("missing_here", "INV-7"), ("closed_there", "INV-1")]


def test_a_list_that_is_not_complete_closes_and_confirms_nothing(
    account: Account, invoice: Invoice, books: Receiver
) -> None:
    books.answer = csv_of("INV-7,AED,70")
    fetched(source_of(account, books.url, is_complete=False))
    assert kinds() == [("missing_here", "INV-7")]
    assert not CollectionSettings.objects.filter(account=account, payments_synced_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(status=500), "The server responded with status 500"),
        (Answer(status=401), "denied access (401)"),
        (Answer(status=302, headers={"Location": "/elsewhere"}), "redirects to another URL (302)"),
        (Answer(headers={"Content-Encoding": "gzip"}), "sent the list compressed"),
        (Answer(body=b""), "The file is empty"),
        (Answer(body=b"<html>Log in</html>"), "No column is called"),
        (Answer(body=b'{"items": [{"invoice_number": "INV-1"}]}'), "items.0.balance: This field is required"),
        (Answer(body=b'{"items": ['), "The body is no JSON"),
        (Answer(body=b'[{"invoice_number": 1}, 2, "\xff"]'), "it is not UTF-8"),
        (csv_of(), "The list has no open invoices"),
        (csv_of("INV-1,AED,10", "INV-1,AED,10"), "INV-1 is in the file twice"),
        (csv_of("INV-1,AED,many"), "Line 2"),
    ],
)
def test_a_failure_is_a_plain_sentence_and_changes_nothing(
    account: Account, invoice: Invoice, books: Receiver, answer: Answer, problem: str
) -> None:
    books.answer = answer
    source = fetched(source_of(account, books.url))
    assert problem in source.problem
    assert source.failed_at
    assert source.next_fetch_at
    assert source.next_fetch_at > timezone.now(), "it is repeated at the next schedule"
    assert len(books.requests) == 1
    assert not OpenItemsList.objects.exists()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nInvoice Number,Currency,Balance\nINV-1,AED,1", "was cut off"),
        (b"HTTP/1.1 200 OK\r\n\r\nInvoice Number,Currency,Balance\nINV-1,AED,1", "how long the list is"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nInvoi", "was cut off"),
        (b"nonsense\r\n\r\n", "no valid response"),
    ],
)
def test_a_list_that_may_be_cut_off_is_refused(account: Account, invoice: Invoice, said: bytes, problem: str) -> None:
    def say_and_close(connection: Any) -> None:
        wire.request(connection)
        connection.sendall(said)

    with wire.server(say_and_close) as url:
        assert problem in fetched(source_of(account, url)).problem


def test_a_list_above_the_size_of_an_upload_is_refused(account: Account, books: Receiver) -> None:
    books.answer = Answer(body=b"x" * (MAX_BYTES + 1))
    assert "larger than" in fetched(source_of(account, books.url)).problem


@pytest.mark.parametrize("url", ["http://erp.example/open.csv", "https://10.0.0.1/", "https://user:pw@erp.example/"])
def test_only_https_to_a_public_address_is_accepted(account: Account, settings: Any, url: str) -> None:
    settings.TRY_OUT = False
    with pytest.raises(Refused):
        sources.create(account, url=url, hour=6)
    source = sources.create(account, url="https://erp.example/", hour=6)
    OpenItemsSource.objects.filter(pk=source.pk).update(url=url)  # as if the rules had changed since
    assert "must be public" in fetched(due_again(source)).problem


def test_a_list_is_fetched_once_at_a_time_and_once_a_day(account: Account, invoice: Invoice, books: Receiver) -> None:
    source = source_of(account, books.url)
    books.answer = csv_of("INV-1,AED,1000")
    assert fetching._claim(source.pk)
    fetching.fetch(source.pk)
    assert not books.requests, "another worker fetches it"
    due_again(source)
    fetching.fetch(source.pk)
    fetching.fetch(source.pk)
    assert fetching.due() == []
    assert len(books.requests) == OpenItemsList.objects.count() == 1


def test_a_killed_worker_loses_nothing_and_three_are_enough(
    account: Account, invoice: Invoice, books: Receiver
) -> None:
    source = source_of(account, books.url)
    for _ in range(fetching.MAX_CLAIMS):
        assert fetching.due() == [source.pk]
        assert fetching._claim(source.pk)
        assert fetching.due() == []
        OpenItemsSource.objects.update(claimed_until=timezone.now() - dt.timedelta(seconds=1))
    books.answer = csv_of("INV-1,AED,1000")
    assert "on our side" in fetched(source).problem
    assert not books.requests
    assert fetched(due_again(source)).problem == ""


def test_a_change_of_the_settings_discards_a_fetch_and_repeats_it(account: Account, invoice: Invoice) -> None:
    claimed = fetching._claim(source_of(account, "https://erp.example/").pk)
    assert claimed
    assert sources.change(claimed, {"hour": 7}) == ["hour"]
    with fetching._finishing(claimed) as stored:
        assert stored is None
    assert fetching.due() == [claimed.pk]
    sources.switch(claimed, is_on=False)
    assert fetching.due() == []


def test_the_header_is_not_sent_to_another_url(account: Account) -> None:
    source = sources.create(account, url="https://erp.example/", hour=6, authorization=SECRET)
    assert SECRET not in source.sealed_authorization
    with pytest.raises(Refused, match="Enter the header again"):
        sources.change(source, {"url": "https://evil.example/"})
    sources.change(source, {"url": "https://new.example/"}, removes_authorization=True)
    source.refresh_from_db()
    assert (source.url, sources.authorization_of(source)) == ("https://new.example/", "")
    sources.change(source, {}, authorization=SECRET)
    call_command("reseal_secrets")
    source.refresh_from_db()
    assert sources.authorization_of(source) == SECRET
    with pytest.raises(Refused, match="already has"):
        sources.create(account, url="https://erp.example/", hour=6)


def test_a_test_clock_and_a_suspension_start_no_fetch() -> None:
    leaping = make.account(is_test=True)
    sources.create(leaping, url="https://erp.example/", hour=6)
    Account.objects.filter(pk=leaping.pk).update(clock=timezone.now() + dt.timedelta(days=40))
    source_of(make.account("Suspended", suspended_at=timezone.now()), "https://erp.example/")
    assert fetching.due() == []


@pytest.mark.parametrize("zone", ["Asia/Dubai", "Europe/Berlin", "America/New_York", "Pacific/Apia"])
def test_the_schedule_has_one_time_on_each_day(account: Account, zone: str) -> None:
    source = OpenItemsSource(account=account, hour=2)  # an hour that changes of the clock skip or repeat
    account.time_zone = zone
    days, at = [], dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for _ in range(365):
        following = sources.next_fetch(source, at)
        assert following
        assert following > at
        at = following.astimezone(dt.UTC)
        days.append(at.astimezone(zoneinfo.ZoneInfo(zone)).date())
    assert days == sorted(set(days))
    assert (days[-1] - days[0]).days == 364


def test_the_admins_are_notified_once_until_a_fetch_succeeds(
    account: Account, invoice: Invoice, books: Receiver, mailoutbox: list[EmailMessage]
) -> None:
    admin = make.user(account, role=Role.ADMIN)
    make.user(account, email="agent@falcon.example", role=Role.AGENT)
    source = source_of(account, books.url)
    books.answer = Answer(status=500)
    for _ in range(2):
        fetched(due_again(source))
        notices.notify_failed_fetches()
    (mail,) = mailoutbox
    assert mail.to == [admin.email]
    assert "status 500" in mail.body
    books.answer = csv_of("INV-1,AED,1000")
    fetched(due_again(source))
    books.answer = Answer(status=500)
    fetched(due_again(source))
    assert notices.notify_failed_fetches() == 1
