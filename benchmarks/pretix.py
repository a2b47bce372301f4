"""The invoice API compared with that of pretix, a large application based on DRF. Its pages have 50 items.

It needs its own environment: `python3 -m venv DIR && DIR/bin/pip install pretix granian`, then
`BENCH_PRETIX=DIR python -m benchmarks pretix`. Its migrations take two minutes.
"""

import json
import os
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks import _load, _results, _rows
from benchmarks._load import Measured, Request
from benchmarks._servers import serving
from benchmarks._stack import stack
from inflow.tryout.folder import ROOT

OURS, PRETIX = "InFlow, everything on", "pretix"
PAGE = 50


def run(*, quick: bool = False) -> None:
    folder = os.environ.get("BENCH_PRETIX")
    if not folder:
        raise SystemExit(f"BENCH_PRETIX is not set. {__doc__}")
    python = Path(folder).absolute() / "bin" / "python"
    count, rounds, seconds = (1_000, 2, 1.0) if quick else (10_000, 5, 2.0)
    with stack() as data:
        account, key = _rows.account("Benchmark")
        _rows.invoices(account.pk, count)
        environment = _environment(data)
        pretix = _filled(python, environment, count)
        from invoices.models import Invoice

        ids = Invoice.objects.filter(account=account).order_by("?").values_list("pk", flat=True)[:1_000]
        base = "/api/zapier/invoices"
        asked = {
            "GET one": {
                OURS: [Request("GET", f"{base}/{id}") for id in ids],
                PRETIX: [Request("GET", f"{pretix['path']}{pretix['number']}/")],
            },
            f"list of {PAGE}": {
                OURS: [Request("GET", f"{base}?limit={PAGE}")],
                PRETIX: [Request("GET", pretix["path"])],
            },
        }
        headers = {OURS: {"X-InFlow-Key": key}, PRETIX: {"Authorization": f"Token {pretix['token']}"}}
        with (
            serving(OURS, data) as ours,
            serving(
                PRETIX, data, python=python, application="pretix.wsgi:application", environment=environment
            ) as theirs,
        ):
            ports = {OURS: ours.port, PRETIX: theirs.port}
            for name, port in ports.items():
                _answered(port, asked["GET one"][name][0].path, headers[name])
            found = {name: dict(_rounds(ports, requests, headers, rounds, seconds)) for name, requests in asked.items()}
    ratios = {}
    print(f"pretix beside InFlow, {count:,} invoices each, requests a second, median of {rounds} rounds in turns:")
    for name, (ours_rate, theirs_rate) in ((name, (rates[OURS], rates[PRETIX])) for name, rates in found.items()):
        ratios[name.split()[0].lower()] = round(ours_rate / theirs_rate, 1)
        print(f"  {name:12} InFlow {ours_rate:8,.0f}  pretix {theirs_rate:8,.0f}  {ours_rate / theirs_rate:6.1f} x")
    _results.record({"vs_pretix": ratios})


def _environment(data: Path) -> dict[str, str]:
    """Return the environment variables of pretix. It has its own database on the same server."""
    database, cache = (urllib.parse.urlsplit(os.environ[name]) for name in ("DATABASE_URL", "REDIS_URL"))
    folder = data / "pretix"
    folder.mkdir()
    return {
        "DJANGO_SETTINGS_MODULE": "pretix.settings",
        "PRETIX_DATABASE_BACKEND": "postgresql",
        "PRETIX_DATABASE_NAME": "pretix",
        "PRETIX_DATABASE_USER": database.username or "",
        "PRETIX_DATABASE_PASSWORD": database.password or "",
        "PRETIX_DATABASE_HOST": database.hostname or "",
        "PRETIX_DATABASE_PORT": str(database.port),
        "PRETIX_DJANGO_DEBUG": "false",
        "PRETIX_PRETIX_DATADIR": str(folder),
        "PRETIX_PRETIX_URL": "http://127.0.0.1",
        "PRETIX_REDIS_LOCATION": cache._replace(path="/3").geturl(),
    }


def _filled(python: Path, environment: dict[str, str], count: int) -> dict[str, str]:
    """Create its tables and rows. Return the path of the list, the number of an invoice, and a token."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE pretix")
    child_environment = os.environ | environment
    subprocess.run([python, "-m", "pretix", "migrate", "--verbosity", "0"], env=child_environment, check=True, cwd=ROOT)
    script = Path(__file__).parent / "peers" / "pretix_rows.py"
    done = subprocess.run(
        [python, script, str(count)],
        env=child_environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    made: dict[str, str] = json.loads(done.stdout)
    return made


def _answered(port: int, path: str, headers: dict[str, str]) -> None:
    """Send one request, so that the application is loaded."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def _rounds(
    ports: dict[str, int],
    requests: dict[str, list[Request]],
    headers: dict[str, dict[str, str]],
    rounds: int,
    seconds: float,
) -> Iterator[tuple[str, float]]:
    found: dict[str, list[Measured]] = {name: [] for name in ports}
    for turn in range(rounds + 1):
        for name, port in ports.items():
            measured = _load.measure(port, requests[name], headers[name], seconds=seconds)
            if measured.errors or not measured.count:
                raise _results.Failed(f"{name}: {measured.errors} errors, {measured.count} answers: no ratio.")
            if turn:  # the first one warms up
                found[name].append(measured)
    for name, all_measured in found.items():
        yield name, _load.median_rate(all_measured)
