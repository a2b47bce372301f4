"""Webhook deliveries per second, and the delay from commit to arrival, compared with simple loops.

One Celery worker with two processes, which checks the target, signs and records an attempt for each delivery, is
compared with loops in one process that send the same signed body and store nothing. All send to the same receiver on
this machine, in turn, so that other load affects them equally. Compare the ratios, not the absolute figures.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import _results
from benchmarks._stack import stack

ENDPOINTS = 20
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def run(*, quick: bool = False) -> None:
    count, rounds, delays, many, old = (500, 2, 20, 0, 0) if quick else (4_000, 5, 200, 100_000, 1_000_000)
    with stack() as data, _sink() as sink, _worker(data) as worker:
        endpoints = _make_endpoints(sink.url)
        body = _a_body()
        peers: dict[str, Callable[[], float]] = {
            "InFlow, a worker of two processes": lambda: _drained(sink, endpoints, count),
            "requests.Session loop": lambda: _loop(sink, _requests_loop, body, count),
            "urllib3 loop": lambda: _loop(sink, _urllib3_loop, body, count),
        }
        if folder := os.environ.get("BENCH_PEERS"):
            peers["django-rest-hooks, 3 threads"] = lambda: _rest_hooks(sink, folder, count)
        _drained(sink, endpoints, 200)  # warm
        rates: dict[str, list[float]] = {name: [] for name in peers}
        for _ in range(rounds):
            for name, measure in peers.items():
                rates[name].append(count / measure())
        floor = statistics.median(rates["requests.Session loop"])
        print(f"Deliveries a second, median of {rounds} rounds of {count:,} in turns ({len(body)} bytes):")
        for name, found in rates.items():
            middle = statistics.median(found)
            print(
                f"  {name:36} {middle:7,.0f}   {middle / floor:5.2f} x requests   {min(found):,.0f}–{max(found):,.0f}"
            )
        ours = statistics.median(rates["InFlow, a worker of two processes"])
        _results.record({"webhooks": {"of_requests_loop": round(ours / floor, 2)}})
        _print_delays("Delay from commit to arrival, idle", _delays(sink, endpoints, delays))
        if many:
            _print_memory(sink, endpoints, worker, many)
        if old:
            _age(endpoints, old)
            found = [count / _drained(sink, endpoints, count) for _ in range(rounds)]
            before = statistics.median(rates["InFlow, a worker of two processes"])
            middle = statistics.median(found)
            print(
                f"With {old:,} old deliveries: {middle:,.0f} a second, {middle / before:.2f} x of before"
                f"   {min(found):,.0f}–{max(found):,.0f}"
            )
            _print_delays("  delay", _delays(sink, endpoints, delays))


# --- The two sides -----------------------------------------------------------------------------------------------


class _Sink:
    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.url = f"{self.base}/hook"

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.base + path) as answer:
            body: bytes = answer.read()
            return body

    def reset(self) -> dict[str, float]:
        return dict(json.loads(self._get("/reset")))

    def reset_times(self) -> list[float]:
        return [at for _, at in json.loads(self._get("/reset"))]

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 120
        while int(self._get("/count")) < count:
            assert time.monotonic() < deadline, "deliveries are missing"
            time.sleep(0.01)


@contextlib.contextmanager
def _sink() -> Iterator[_Sink]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks._sink"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield _Sink(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _worker(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = "celery --app inflow --quiet worker --loglevel WARNING --queues webhooks --concurrency 2"
    with (data / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command.split(), "--without-gossip", "--without-mingle"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def _make_endpoints(url: str) -> list["object"]:
    from inflow.accounts.models import Account
    from webhooks import subscriptions

    account = Account.objects.create(name="Benchmark", plan="enterprise")
    return [subscriptions.subscribe(account, f"{url}/{n}", ["invoice.created"])[0] for n in range(ENDPOINTS)]


def _a_body() -> bytes:
    data = {"invoice_number": "INV-2026-001", "notes": "x" * 400}
    return json.dumps(
        {"id": f"evt_{0:032x}", "type": "invoice.created", "api_version": "2026-03-01", "data": data}
    ).encode()


# --- Ours --------------------------------------------------------------------------------------------------------

_FILL = """
WITH last AS (
  INSERT INTO webhooks_eventcounter AS c (account_id, seq) VALUES (%(account)s, %(count)s)
  ON CONFLICT (account_id) DO UPDATE SET seq = c.seq + %(count)s
  RETURNING c.seq - %(count)s AS seq
), event AS (
  INSERT INTO webhooks_event (id, account_id, seq, type, body, created_at)
  SELECT 'evt_' || replace(gen_random_uuid()::text, '-', ''), %(account)s, last.seq + n, 'invoice.created', %(body)s,
         now() - %(age)s * interval '1 day'
  FROM last, generate_series(1, %(count)s) AS n
  RETURNING id, seq
)
INSERT INTO webhooks_delivery
  (id, account_id, event_id, subscription_id, status, attempts_made, next_attempt_at, created_at)
SELECT gen_random_uuid(), %(account)s, event.id, (%(endpoints)s::uuid[])[1 + event.seq %% %(endpoints_count)s],
       %(status)s, %(tries)s, CASE WHEN %(status)s = 'pending' THEN now() END, now() - %(age)s * interval '1 day'
FROM event
"""


def _fill(endpoints: list[object], count: int, *, status: str = "pending", age: int = 0) -> None:
    from django.db import connection

    from webhooks.models import Subscription

    ids = [endpoint.pk for endpoint in endpoints if isinstance(endpoint, Subscription)]
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL,
            {
                "account": Subscription.objects.get(pk=ids[0]).account_id,
                "endpoints": ids,
                "endpoints_count": len(ids),
                "count": count,
                "body": _a_body().decode(),
                "status": status,
                "tries": 0 if status == "pending" else 1,
                "age": age,
            },
        )


def _drained(sink: _Sink, endpoints: list[object], count: int) -> float:
    """Return the seconds from the wake-up until every delivery is sent and recorded."""
    from webhooks.models import Delivery
    from webhooks.outbox import wake_sender
    from webhooks.tasks import deliver_due

    sink.reset()
    _fill(endpoints, count)
    began = time.monotonic()
    wake_sender()
    deliver_due.apply_async()  # for the second process, which a commit under load wakes too
    sink.wait_for(count)
    while Delivery.objects.filter(status="pending").exists():
        time.sleep(0.01)
    return time.monotonic() - began


def _delays(sink: _Sink, endpoints: list[object], count: int) -> list[float]:
    """Return the sorted delays from commit to arrival in seconds, one event at a time."""
    from django.db import transaction

    from webhooks import outbox
    from webhooks.models import Subscription

    subscription = Subscription.objects.select_related("account").get(pk=endpoints[0].pk)  # type: ignore[attr-defined]
    sink.reset()
    committed: dict[str, float] = {}
    for _ in range(count):
        with transaction.atomic():
            event_id = outbox.put(subscription.account, "invoice.created", {"n": 1}, only=subscription)
            committed[event_id] = time.monotonic()
        sink.wait_for(len(committed))
        time.sleep(0.05)
    arrived = sink.reset()
    return sorted(arrived[event_id] - committed[event_id] for event_id in committed)


def _print_delays(title: str, delays: list[float]) -> None:
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    print(f"{title}: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, of {len(delays)}")


def _print_memory(sink: _Sink, endpoints: list[object], worker: "subprocess.Popen[bytes]", count: int) -> None:
    """Print the memory of all processes of the worker, after a tenth of the deliveries and after all."""
    import psutil

    def mebibytes() -> float:
        parent = psutil.Process(worker.pid)
        return float(sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))) / 2**20

    _drained(sink, endpoints, count // 10)
    before = mebibytes()
    for _ in range(9):
        _drained(sink, endpoints, count // 10)
    print(
        f"Memory of the worker after {count // 10:,} deliveries {before:.0f} MiB, after {count:,} {mebibytes():.0f} MiB"
    )


def _age(endpoints: list[object], count: int) -> None:
    """Insert `count` old deliveries with their attempts."""
    from django.db import connection

    _fill(endpoints, count, status="delivered", age=10)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhooks_attempt (delivery_id, at, ms, status, error, response)"
            " SELECT id, created_at, 5, 200, '', 'ok' FROM webhooks_delivery"
            " WHERE created_at < now() - interval '5 days'"
        )
        cursor.execute("VACUUM ANALYZE webhooks_event, webhooks_delivery, webhooks_attempt")
        cursor.execute("CHECKPOINT")  # otherwise it may run during the measurement


# --- The peers ---------------------------------------------------------------------------------------------------


def _loop(sink: _Sink, send_all: Callable[[str, bytes, int], None], body: bytes, count: int) -> float:
    sink.reset()
    began = time.monotonic()
    send_all(sink.url, body, count)
    return time.monotonic() - began


def _rest_hooks(sink: _Sink, folder: str, count: int) -> float:
    """Return the seconds from the first event to the last arrival, without the start of the process."""
    sink.reset()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._rest_hooks", sink.url, str(count)],
        env=os.environ | {"PYTHONPATH": folder},
        stdout=subprocess.PIPE,
        check=True,
    )
    sink.wait_for(count)
    return max(sink.reset_times()) - float(done.stdout)


def _signed(body: bytes) -> dict[str, str]:
    from webhooks.delivery import signing

    return {"Content-Type": "application/json", **signing.headers(SECRET, "evt_1", int(time.time()), body)}


def _requests_loop(url: str, body: bytes, count: int) -> None:
    import requests

    with requests.Session() as session:
        for _ in range(count):
            assert session.post(url, data=body, headers=_signed(body), timeout=10).status_code == 200


def _urllib3_loop(url: str, body: bytes, count: int) -> None:
    import urllib3

    with urllib3.PoolManager() as pool:
        for _ in range(count):
            assert pool.request("POST", url, body=body, headers=_signed(body), timeout=10).status == 200
