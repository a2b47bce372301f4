"""The API compared with a constant response and with common alternatives.

All variants run on the same web server with two processes each, on the same tables of 100,000 invoices. They are
measured in turn, so that other load on the machine affects them equally. Compare the ratios, not the absolute figures.
"""

import contextlib
import json
import statistics
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import _load, _results, _rows
from benchmarks._load import Measured, Request
from benchmarks._servers import Server, serving
from benchmarks._stack import stack

OURS, CONSTANT, DRF, NINJA = "InFlow", "constant", "drf", "ninja"
TITLES = {
    OURS: "InFlow, everything on",
    CONSTANT: "constant view, nothing on",
    DRF: "DRF ModelViewSet, django-ratelimit twice",
    NINJA: "django-ninja, django-ratelimit twice",
}
OPERATIONS = {"get": "GET one", "list": "list of 100", "post": "POST", "patch": "PATCH"}


@dataclass(frozen=True, slots=True)
class Sizes:
    invoices: int
    many: int  # for the deep page
    rounds: int
    seconds: float
    requests: int  # during which memory is measured


def run(*, quick: bool = False) -> None:
    sizes = Sizes(10_000, 20_000, 5, 0.4, 0) if quick else Sizes(100_000, 1_000_000, 5, 2, 100_000)
    with stack() as data:
        account, key = _rows.account("Benchmark")
        _rows.invoices(account.pk, sizes.invoices)
        requests = requests_of(account.pk)
        print(f"The API: {sizes.invoices:,} invoices, load by {_load.generator(sizes.seconds)} with 8 clients.")
        with _variants(data, key, requests) as servers:
            found = _rounds(servers, requests, key, sizes)
            _print_rates(found)
            memory = _memory(servers[OURS], requests["get"], key, sizes.requests)
            deep = _deep_of_first(servers[OURS], sizes.many)
        throttle = _throttle_us()
    ratios = _ratios(found) | {"throttle_us": round(throttle), "deep_of_first": round(deep, 2)}
    _print_ratios(ratios)
    _print_tail(found[OURS])
    print(f"Rate limit: {throttle:.0f} µs of a process's time")
    print(f"Page at {sizes.many:,}, deep in the list: {deep:.2f} x page 1 at 10,000")
    print(memory)
    _results.record(ratios)


# --- Requests ----------------------------------------------------------------------------------------------------

_NEW = {
    "invoice_number": f"B-{_load.NUMBER}",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_company": "Gulf Trading LLC",
    "debtor_phone": "+971501234567",
    "amount": 25000,
    "currency": "AED",
    "issue_date": "2026-01-15",
    "due_date": "2036-02-14",
    "language": "en",
}


def requests_of(account_id: uuid.UUID) -> dict[str, list[Request]]:
    """Return the requests of each operation. Each PATCH changes the status, which includes lock, history and event."""
    from invoices.models import Invoice

    new = Invoice.objects.filter(account=account_id, status="new").order_by("?")
    ids = list(new.values_list("pk", flat=True)[:1_000])
    debtors = list(new.values("debtor_email", "debtor_company")[:100])
    base = "/api/zapier/invoices"
    return {
        "get": [Request("GET", f"{base}/{id}") for id in ids],
        "list": [Request("GET", f"{base}?limit=100")],
        "post": [Request("POST", base, json.dumps(_NEW | debtor)) for debtor in debtors],
        # In small blocks, so that an interrupted run leaves few invoices on hold for the next one.
        "patch": [
            Request("PATCH", f"{base}/{id}", json.dumps({"status": status}))
            for start in range(0, len(ids), 20)
            for status in ("on_hold", "new")
            for id in ids[start : start + 20]
        ],
    }


@contextlib.contextmanager
def _variants(data: Path, key: str, requests: dict[str, list[Request]]) -> Iterator[dict[str, Server]]:
    with contextlib.ExitStack() as running:
        servers = {OURS: running.enter_context(serving(OURS, data))}
        answers = data / "answers.json"
        texts = [servers[OURS].get(requests[name][0].path, key)[0].decode() for name in ("get", "list")]
        answers.write_text(json.dumps(texts))
        for name in (CONSTANT, DRF, NINJA):
            environment = {
                "DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings",
                "BENCH_PEER": f"benchmarks.peers.{name}",
                "BENCH_ANSWERS": str(answers),
            }
            application = "benchmarks.peers.wsgi:application"
            serve = serving(name, data, application=application, environment=environment)
            servers[name] = running.enter_context(serve)
            servers[name].get(requests["get"][0].path, key)
        yield servers


# --- Measuring ---------------------------------------------------------------------------------------------------

Found = dict[str, dict[str, list[Measured]]]


def _rounds(servers: dict[str, Server], requests: dict[str, list[Request]], key: str, sizes: Sizes) -> Found:
    found: Found = {name: {operation: [] for operation in OPERATIONS} for name in servers}
    headers = {"X-InFlow-Key": key}
    for turn in range(sizes.rounds + 1):
        for operation in OPERATIONS:
            for name, server in servers.items():
                measured = _load.measure(server.port, requests[operation], headers, seconds=sizes.seconds)
                if measured.errors or not measured.count:
                    raise _results.Failed(
                        f"{TITLES[name]}, {OPERATIONS[operation]}: {measured.errors} errors, {measured.count} answers:"
                        f" no ratio. {server.log.read_text()[-500:]}"
                    )
                if turn:  # the first one warms up
                    found[name][operation].append(measured)
    return found


def _memory(server: Server, requests: list[Request], key: str, count: int) -> str:
    before = server.mebibytes()
    sent = 0
    while sent < count:
        sent += _load.measure(server.port, requests, {"X-InFlow-Key": key}, seconds=10).count
    return f"Memory of a web process {before:.0f} MiB, after {sent:,} more requests {server.mebibytes():.0f} MiB"


def _deep_of_first(server: Server, many: int) -> float:
    """Return the median time of a deep page among `many` invoices, relative to the first page among 10,000."""
    times: dict[str, list[float]] = {}
    paths = {}
    for name, count, pages in (("first", 10_000, 0), ("deep", many, min(1_000, many // 200))):
        account, key = _rows.account(name)
        _rows.invoices(account.pk, count)
        path = "/api/zapier/invoices?limit=100"
        for _ in range(pages):
            link = server.get(path, key)[1]["Link"]
            parts = urlsplit(link[1 : link.index(">")])
            path = f"{parts.path}?{parts.query}"
        paths[name] = path, key
    for _ in range(200):
        for name, (path, key) in paths.items():
            began = time.perf_counter()
            server.get(path, key)
            times.setdefault(name, []).append(time.perf_counter() - began)
    return statistics.median(times["deep"]) / statistics.median(times["first"])


def _throttle_us() -> float:
    """Return the time that counting one request takes in one process, including the round trip, in microseconds."""
    from inflow.accounts.models import Account
    from inflow.api import throttling

    account = Account.objects.get(name="Benchmark")
    rounds = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(500):
            throttling.count(account)
        rounds.append((time.perf_counter() - began) / 500)
    return statistics.median(rounds) * 1e6


# --- Output ------------------------------------------------------------------------------------------------------


def _rate(found: Found, name: str, operation: str) -> float:
    return _load.median_rate(found[name][operation])


def _ratios(found: Found) -> dict[str, dict[str, float] | float]:
    ratios: dict[str, dict[str, float] | float] = {}
    for operation in OPERATIONS:
        ours = _rate(found, OURS, operation)
        peers = {"of_constant": CONSTANT, "vs_drf": DRF, "vs_ninja": NINJA}
        ratios[operation] = {
            ratio: round(ours / _rate(found, name, operation), 3 if name == CONSTANT else 2)
            for ratio, name in peers.items()
        }
    return ratios


def _print_rates(found: Found) -> None:
    rounds = len(found[OURS]["get"])
    print(f"Requests a second, median of {rounds} rounds in turns:")
    print(f"  {'':42}" + "".join(f"{title:>13}" for title in OPERATIONS.values()))
    for name in found:
        rates = "".join(f"{_rate(found, name, operation):13,.0f}" for operation in OPERATIONS)
        print(f"  {TITLES[name]:42}{rates}")


def _print_ratios(ratios: dict[str, dict[str, float] | float]) -> None:
    print("InFlow, as a multiple of:")
    for ratio, title in (("of_constant", "the constant view"), ("vs_drf", "DRF"), ("vs_ninja", "django-ninja")):
        values = [ratios[operation][ratio] for operation in OPERATIONS]  # type: ignore[index]
        print(f"  {title:42}" + "".join(f"{value:13.2f}" for value in values))


def _print_tail(found: dict[str, list[Measured]]) -> None:
    for operation, title in OPERATIONS.items():
        p50, p99 = (statistics.median(getattr(one, part) for one in found[operation]) for part in ("p50", "p99"))
        print(f"  {title}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, {p99 / p50:.1f} x")
