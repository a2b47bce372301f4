"""No address of a list, of a row or of the API ends in a 500, whatever its query, its ids or its actions hold."""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import OperationalError, connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inflow.accounts.roles import Role
from inflow.api.pagination import MAX_LIMIT
from inflow.dashboard.core import bounds
from tests import make
from tests.dashboard.test_lookups import DECLARED
from tests.dashboard.world import LISTS, World, page, platform

pytestmark = pytest.mark.django_db
SEEN = {200, 302, 400, 404}

NASTY = [
    *("\0", "a\0b", "", " ", "'", '"', "\\", "%", "_", "\u202e", "\ufeff", "\U0001f9fe", "é" * 90, "=1+1", "()[]{}*+?"),
    *("9999999999", "-1", "0", "1", str(10**30), "9" * 4_400, "1e400", "NaN", "inf", "0x10", "٣", "1.5", "true"),
    *("9999-12-31", "0001-01-01", "2026-02-30", "99999-01-01", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"),
    *(
        "paid",
        "AED",
        "email",
        str(uuid.UUID(int=0)),
        "None",
        "null",
        "[]",
        "a,b",
        "9999.-9999",
        "-9999999999",
        "1.-2.3",
    ),
]
RAW = ["%00", "%ED%A0%80", "%FF%FE", "%", "%zz", "%C0%80", "&&", "=", "a=1&a=2&a=3", "%5B%5D=1", ";"]
DJANGO = ["q", "p", "o", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters", "page", "days", "account"]
values = st.sampled_from(NASTY) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace").decode())


def queries(names: list[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(st.sampled_from(names), values), min_size=1, max_size=4)
    return st.builds(
        lambda given, raw: "&".join([urlencode(given), *raw]), pairs, st.lists(st.sampled_from(RAW), max_size=1)
    )


def names_of(name: str) -> list[str]:
    app, model = name.split("_", 1)
    declared = DECLARED.get(f"{app}.{model}", set())
    return [*DJANGO, *sorted(declared), *(f"{each}__exact" for each in sorted(declared) if "__" not in each)]


@pytest.fixture
def quiet(settings: Any) -> None:
    """Without the templates of the pages, which take most of the time; their queries are made before."""
    settings.TEMPLATES = [{"BACKEND": "tests.dashboard.blank.Blanks", "DIRS": [], "APP_DIRS": False}]


def answers(client: Client, address: str) -> int:
    client.raise_request_exception = False
    return int(client.get(address).status_code)


SAMPLES = [
    *("status__exact=%00", "status=%00", "q=%00", "at__year=9999999999", "at__year=9999", "at__year=1&at__month=13"),
    *("at__year=0", "at__month=2", "at__day=x", "e=1", "e=1&p=99", "o=9999.-9999", "o=.", "o=-", "p=-1", f"p={10**30}"),
    *(
        "p=x",
        "p=0",
        "_popup=1",
        "_to_field=password",
        "_to_field=id",
        "_to_field=%00",
        "all=",
        "level__exact=99999999999",
    ),
    *(
        "promised_on_from=9999-99-99",
        "paid_at_to=x",
        "currency=%ED%A0%80",
        "debtor__id__exact=x",
        "a=1&a=2",
        "q=" + "%22" * 50,
    ),
    *(
        "subscription__id__exact=1",
        "account__id__exact=nobody",
        "credit=%F0%9F%A7%BE",
        "is_active__exact=7",
        "role=&role=x",
    ),
]


def test_known_queries_make_no_list_fail(own: World, quiet: None) -> None:
    """Each on every sixth list and on the one that has a calendar; the nightly tests try all with all."""
    clients, lists = [own.logged_in(Role.ADMIN), platform()], sorted(LISTS)
    for number, sample in enumerate(SAMPLES):
        for name in {*lists[number % 6 :: 6], "accounts_auditentry"}:
            status = answers(clients[number % 2], f"{page(name, 'changelist')}?{sample}")
            assert status in SEEN, (name, sample, status)


def _fuzz(own: World, examples: int) -> None:
    clients = [own.logged_in(Role.ADMIN), platform()]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def lists(data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(LISTS)))
        query = data.draw(queries(names_of(name)))
        address = page(name, "changelist")
        status = answers(data.draw(st.sampled_from(clients)), f"{address}?{query}")
        assert status in SEEN, (address, query, status)

    lists()


def test_no_query_string_makes_a_list_fail(own: World, quiet: None) -> None:
    _fuzz(own, 40)


@pytest.mark.nightly
def test_no_query_string_makes_a_list_fail_however_many_are_tried(own: World, quiet: None) -> None:
    _fuzz(own, 5_000)


# --- Pages, ids and actions ---

IDS = [
    "x",
    "0",
    "-1",
    str(10**30),
    "%00",
    "%ED%A0%80",
    "%F0%9F%A7%BE",
    str(uuid.UUID(int=0)),
    "_5F",
    "a" * 500,
    "..%2F",
]


def test_no_id_in_an_address_makes_a_page_fail(own: World, quiet: None) -> None:
    client = own.logged_in(Role.ADMIN)
    ends = itertools.cycle(("change/", "history/", "delete/", ""))
    for name in LISTS:
        base = page(name, "changelist")
        for key, rest in zip(IDS, ends, strict=False):
            assert answers(client, f"{base}{key}/{rest}") in {*SEEN, 403}, (name, key, rest)
    for address in (
        "/admin/r/1/x/",
        "/admin/r/x/1/",
        f"/admin/r/{10**30}/{10**30}/",
        "/admin/r/5/%00/",
        "/admin/jsi18n/?x=%00",
    ):
        assert answers(client, address) in SEEN, address
    for query in ("s=inv&page=x", "s=inv&page=9", "s=%00", "s=inv&extended=1&page=-1", "s=" + "a" * 5_000):
        assert answers(client, f"/admin/search/?{query}") in SEEN, query
    asked = "app_label=communications&model_name=communication&field_name=invoice"
    for query in ("term=%00", "term=" + "a+" * 500, "term=a&page=x", "term=a&page=-1", f"term=a&page={10**30}"):
        assert answers(client, f"/admin/autocomplete/?{asked}&{query}") in SEEN, query
    for query in ("app_label=x&model_name=y&field_name=z&term=a", f"{asked}x", "term=a", "app_label=%00"):
        assert answers(client, f"/admin/autocomplete/?{query}") in {*SEEN, 403}, query
    for query in ("days=x", f"days={10**30}", "days=7&page=x", "account=x", f"account={uuid.UUID(int=0)}"):
        assert answers(client, f"/admin/communications/collectionsettings/forecast/?{query}") in SEEN, query


def bulk_lists() -> Iterator[tuple[str, str]]:
    yield "invoices_invoice", "hold_selected"
    yield "invoices_invoice", "resume_selected"
    yield "invoices_invoice", "choose_policy_selected"
    yield "webhooks_delivery", "replay_selected"
    yield "invoices_debtor", "delete_selected"


@pytest.mark.parametrize(
    "chosen", [["x"], [str(10**30)], [str(uuid.UUID(int=0))], ["\0"], ["foreign"], [], ["own", "x"]]
)
def test_a_bulk_action_with_rows_that_are_not_in_the_list_does_nothing(
    chosen: list[str], own: World, foreign: World
) -> None:
    client = own.logged_in(Role.ADMIN)
    client.raise_request_exception = False
    known = {"foreign": str(foreign.invoice.pk), "own": str(own.invoice.pk)}
    keys = [known.get(key, key) for key in chosen]
    for name, action in bulk_lists():
        for more in ({"index": "x"}, {"apply": "1", "hold_until": make.FAR_AHEAD, "select_across": "x"}):
            body = {"action": action, "_selected_action": keys, **more}
            assert client.post(page(name, "changelist"), body).status_code in SEEN, (name, more)
    assert make.again(foreign.invoice).status == foreign.invoice.status
    assert make.again(own.invoice).status == own.invoice.status


def test_a_search_of_thousands_of_words_looks_for_a_few(own: World) -> None:
    client = own.logged_in(Role.ADMIN)
    words = "+".join(["Falcon"] * 1_100)
    with CountedConditions() as counted:
        assert client.get(f"{page('invoices_invoice', 'changelist')}?q={words}").status_code == 200
    assert 0 < counted.most <= 8 * 4
    assert client.get(f"{page('invoices_invoice', 'changelist')}?q={'a+' * 10_000}").status_code == 400


class CountedConditions:
    """The most comparisons of text that one statement made."""

    def __enter__(self) -> "CountedConditions":
        self.most = 0
        self._context = connection.execute_wrapper(self._look)
        self._context.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)

    def _look(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.most = max(self.most, str(sql).count("LIKE"))
        return execute(sql, params, many, context)


# --- A query that takes too long ---


def test_a_query_past_its_time_is_a_page_that_says_so(own: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = own.logged_in(Role.ADMIN)
    monkeypatch.setattr(bounds, "MAX_SECONDS", 0.2)
    monkeypatch.setattr(bounds, "SLOW_SECONDS", 0.0)

    def slow(*given: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr("inflow.dashboard.core.own_rows.rows_of", slow)
    answer = client.get(page("invoices_invoice", "changelist"))
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert "Try again" in answer.content.decode()


def test_all_queries_of_a_page_have_one_time_and_the_next_page_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    before = statement_timeout()
    monkeypatch.setattr(bounds, "SLOW_SECONDS", 0.0)
    with bounds.time_limit(60.0):
        assert statement_timeout() not in (before, "0")
    assert statement_timeout() == before
    with bounds.time_limit(0.0), pytest.raises(OperationalError):
        statement_timeout()
    assert statement_timeout() == before


def test_the_time_of_what_is_no_query_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("inflow.dashboard.core.bounds.time.monotonic", lambda: now[0])
    with bounds.time_limit(bounds.MAX_SECONDS):
        before = statement_timeout()
        now[0] = 3_600.0  # a password was hashed meanwhile, on a busy machine
        assert statement_timeout() == before


def statement_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


# --- The API ---

API_LISTS = ["invoices", "communications", "webhooks", "events", "escalations", "forecast", "payments"]
API_NAMES = [
    *("limit", "cursor", "status", "payment_status", "is_overdue", "currency", "invoice_number", "debtor_email", "q"),
    *(
        "due_before",
        "due_after",
        "created_after",
        "updated_after",
        "kind",
        "channel",
        "sent_after",
        "after",
        "days",
        "sort",
    ),
    *("type", "order", "nonsense"),
]


def api_addresses(own: World) -> list[str]:
    invoice, webhook = own.invoice.pk, own.rows["webhooks_subscription"]
    inside = [f"invoices/{invoice}/{part}" for part in ("payments", "timeline")]
    return [*API_LISTS, *inside, f"communications/{invoice}", f"webhooks/{webhook}/deliveries"]


def _fuzz_api(own: World, examples: int) -> None:
    own.account.requests_per_minute = own.account.requests_per_day = 1_000_000
    own.account.save(update_fields=["requests_per_minute", "requests_per_day"])
    _, plain = make.key(own.account)
    client, addresses = Client(headers={"X-InFlow-Key": plain}), api_addresses(own)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(addresses), queries(API_NAMES))
    def lists(address: str, query: str) -> None:
        status = answers(client, f"/api/zapier/{address}?{query}")
        assert status in {200, 400, 404, 405, 410, 422}, (address, query, status)

    lists()
    for address in (
        "invoices/{}",
        "communications/{}",
        "webhooks/{}",
        "webhooks/{}/deliveries",
        "escalations/{}",
        "events/{}",
    ):
        for key in IDS:
            status = answers(client, f"/api/zapier/{address.format(key)}")
            assert status in {400, 404, 405}, (address, key, status)
    assert answers(client, f"/api/zapier/invoices?limit={MAX_LIMIT}&q={quote('a b ' * 700)}") in {200, 422}


def test_no_query_string_makes_the_api_fail(own: World) -> None:
    _fuzz_api(own, 60)


@pytest.mark.nightly
def test_no_query_string_makes_the_api_fail_however_many_are_tried(own: World) -> None:
    _fuzz_api(own, 5_000)
