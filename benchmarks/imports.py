"""Imports, and many invoices in one request compared with single requests.

An import runs in one process, as in a worker: it reads and checks a file, which is the preview, and then registers the
invoices. Requests are handled in one process without a web server, in turns. Each figure has the processor time of that
process beside it, which other load on the machine affects less than the duration. PostgreSQL's is not in it.
"""

import datetime as dt
import functools
import json
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import _results, _rows
from benchmarks._stack import stack

if TYPE_CHECKING:
    from inflow.accounts.models import Account
    from invoices.models.imports import Import

_TODAY = dt.datetime.now(dt.UTC).date()
_DUE = _TODAY + dt.timedelta(days=30)
_HEADINGS = "invoice number,customer name,company,email,phone,amount,currency,issue date,due date"
_ROW = (
    "{tag}-{number},Ahmed {debtor},Gulf Trading {tag} {debtor} LLC,ap@{tag}{debtor}.example,+9715{debtor:08d},"
    "{amount}.50,AED,{today},{due}"
)
_API = "/api/zapier/invoices"


class Took(NamedTuple):
    """Seconds in all, and of the process's own processor time."""

    wall: float
    cpu: float


def run(*, quick: bool = False) -> None:
    rows, rounds = (500, 1) if quick else (5_000, 5)
    with stack():
        from inflow.accounts.models import User

        account, key = _rows.account("Imports")
        user = User.objects.create(account=account, email="imports@example.com")
        _import(account, user, "warm", 50, 1)
        for invoices_per_debtor in (1, 3):
            name = f"{invoices_per_debtor} for each debtor"
            preview, register = _import(account, user, f"I{invoices_per_debtor}", rows, invoices_per_debtor)
            print(f"Import of {rows:,} new invoices, {name}:")
            print(f"  preview {preview.wall:6.1f} s, {preview.cpu / rows * 1000:.2f} ms of processor time a row")
            print(f"  import  {register.wall:6.1f} s, {register.cpu / rows * 1000:.2f} ms of processor time a row")
            print(f"  {rows / register.wall:,.0f} rows a second (goal 500);", end=" ")
            print(f"preview of 50,000 rows: {preview.wall * 50_000 / rows:,.0f} s (goal 15)")
        _requests(key, rounds, 2 if quick else 10)


def _import(account: "Account", user: Any, tag: str, rows: int, invoices_per_debtor: int) -> tuple[Took, Took]:
    """Import a file. Return the durations of its preview and of its import."""
    from invoices.imports import phases
    from invoices.models.imports import Phase

    content = "\n".join([_HEADINGS, *(_row(tag, number, invoices_per_debtor) for number in range(rows))])
    file = phases.start(account, user, kind="invoices", file_name="rows.csv", content=content.encode())
    preview = _timed(lambda: _work(file, (Phase.READING, Phase.CHECKING)))
    phases.confirm(file, user.email)
    register = _timed(lambda: _work(file, (Phase.RUNNING,)))
    counts = phases.counts(file)
    if counts["applied"] != rows:
        raise _results.Failed(f"Not all rows were imported: {counts}")
    return preview, register


def _row(tag: str, number: int, invoices_per_debtor: int) -> str:
    debtor = number // invoices_per_debtor
    return _ROW.format(tag=tag, number=number, debtor=debtor, amount=1_000 + number, today=_TODAY, due=_DUE)


def _work(file: "Import", working_phases: tuple[str, ...]) -> None:
    from invoices.imports import phases

    file.refresh_from_db(fields=["phase"])
    while file.phase in working_phases:
        phases.work(file.pk)
        file.refresh_from_db(fields=["phase"])


def _requests(key: str, rounds: int, hundreds: int) -> None:
    from django.test import Client

    client = Client(headers={"X-InFlow-Key": key, "Host": "127.0.0.1"})

    def post(path: str, body: Any) -> None:
        response = client.post(path, json.dumps(body), content_type="application/json")
        if response.status_code not in (200, 201):
            raise _results.Failed(f"{path}: {response.status_code} {response.content[:300]!r}")
        if path != _API and any(row["status"] not in (200, 201) for row in response.json()):
            raise _results.Failed(f"{path}: {response.content[:300]!r}")

    def bulk(tag: str, **more: Any) -> None:
        for hundred in range(hundreds):
            numbers = range(hundred * 100, hundred * 100 + 100)
            post(f"{_API}/bulk", {"invoices": [_body(tag, number) for number in numbers], **more})

    def single(tag: str) -> None:
        for number in range(100):
            post(_API, _body(tag, number))

    found: dict[str, list[Took]] = {}
    for turn in range(rounds + 1):
        tag = f"t{turn}"
        for name, count, act in (
            ("single POSTs", 100, functools.partial(single, f"s{tag}")),
            ("bulk of 100", 100 * hundreds, functools.partial(bulk, tag)),
            ("bulk of 100, unchanged", 100 * hundreds, functools.partial(bulk, tag, upsert=True)),
        ):
            took = _timed(act)
            if turn:  # the first one warms up
                found.setdefault(name, []).append(Took(took.wall / count, took.cpu / count))
    rates = {name: 1 / statistics.median(each.wall for each in tooks) for name, tooks in found.items()}
    cpu = {name: statistics.median(each.cpu for each in tooks) * 1000 for name, tooks in found.items()}
    print(f"Invoices a second in one process, median of {rounds} rounds in turns:")
    for name, rate in rates.items():
        ratio = rate / rates["single POSTs"]
        print(f"  {name:24}{rate:8,.0f}   {cpu[name]:6.2f} ms of processor time each   {ratio:5.1f} x single POSTs")
    _results.record({"bulk_of_single": round(rates["bulk of 100"] / rates["single POSTs"], 2)})


def _body(tag: str, number: int) -> dict[str, Any]:
    return {
        "invoice_number": f"{tag}-{number}",
        "debtor_name": f"Ahmed {number}",
        "debtor_company": f"Gulf {tag} {number} LLC",
        "debtor_email": f"ap{number}@{tag}.example",
        "amount": 25_000,
        "currency": "AED",
        "issue_date": _TODAY.isoformat(),
        "due_date": _DUE.isoformat(),
    }


def _timed(act: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)
