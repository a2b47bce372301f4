"""No acknowledged change goes unheard, whatever dies in between. All of it in real processes."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from inflow.tryout.processes import processes_of
from inflow.tryout.servers import start_valkey
from tests.faults.stack import Run, free_port, manage, wait_until
from tests.receiver import Receiver

pytestmark = pytest.mark.nightly
CALLERS = 4
# A killed worker's rows are offered again when its lease has ended, half a minute after it took them.
LEASES_S = 50.0


class Valkey:
    """One that comes back under the address at which it died, with nothing in it."""

    def __init__(self, data: Path) -> None:
        data.mkdir()
        sample = start_valkey(data)
        sample.stop()
        assert isinstance(sample.process.args, list)
        self.program = str(sample.process.args[0])
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Stack:
    """`make run` beside a Valkey of its own, an account with a key, and a receiver that hears of its invoices."""

    def __init__(self, data: Path, valkey: Valkey, receiver: Receiver) -> None:
        self.data, self.valkey, self.receiver = data, valkey, receiver
        self.start()
        account = self.manage("create_account", "Falcon Trading LLC", "--plan", "enterprise", "--per-minute", "100000")
        self.key = self.manage("create_api_key", account)
        status, answer = self.call("POST", "webhooks/subscribe", {"url": receiver.url, "event": "invoice.created"})
        assert status == 201
        self.secret: str = answer["secret"]

    def start(self) -> None:
        self.run = Run(self.data, REDIS_URL=self.valkey.url).ready()

    def manage(self, *arguments: str) -> str:
        done = manage(self.data, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        web = http.client.HTTPConnection("127.0.0.1", self.run.port, timeout=20)
        with contextlib.closing(web):
            sent = {"X-InFlow-Key": self.key, "Content-Type": "application/json", **headers}
            web.request(method, f"/api/zapier/{path}", None if body is None else json.dumps(body), sent)
            response = web.getresponse()
            return response.status, json.loads(response.read())

    def create(self, number: str) -> tuple[int, Any]:
        body = {"invoice_number": number, "debtor_name": "Ahmed", "amount": 10, "currency": "AED"}
        return self.call("POST", "invoices", body | {"due_date": "2999-12-31"}, **{"Idempotency-Key": number})

    def heard(self) -> dict[str, set[str]]:
        """The ids under which the receiver heard of each invoice's creation, every signature checked."""
        heard = defaultdict(set)
        for request in list(self.receiver.requests):
            told = request.verified(self.secret)
            heard[told["data"]["id"]].add(told["id"])
        return heard

    def hears_of(self, invoices: set[str], within_s: float) -> None:
        self.receiver.wait_until(lambda _: invoices <= self.heard().keys(), within_s=within_s)

    def kill_everything(self) -> None:
        self.run.process.kill()
        for process in processes_of(self.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.run.process.wait()
        wait_until(self.run.left_nothing, 15)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, with_tables: Callable[[Path], Path]) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("webhooks")
    valkey = Valkey(folder / "valkey")
    try:
        with Receiver() as receiver:
            stack = Stack(with_tables(folder / "var"), valkey, receiver)
            try:
                yield stack
            finally:
                stack.run.close()
    finally:
        valkey.kill()


def test_an_event_arrives_within_moments_of_its_commit(stack: Stack) -> None:
    for number in range(10):
        status, invoice = stack.create(f"PROMPT-{number}")
        assert status == 201
        stack.hears_of({invoice["id"]}, within_s=2)


def test_without_valkey_no_request_fails_and_every_event_arrives_when_it_is_back(stack: Stack) -> None:
    created: set[str] = set()
    over = threading.Event()

    def write(caller: int) -> None:
        number = 0
        while not over.is_set():
            status, invoice = stack.create(f"VALKEY-{caller}-{number}")
            assert status == 201, invoice
            created.add(invoice["id"])
            number += 1
            over.wait(0.1)  # requests all the time, and not more events than can be told of soon

    with ThreadPoolExecutor(CALLERS) as callers:
        writers = [callers.submit(write, caller) for caller in range(CALLERS)]
        try:
            wait_until(lambda: len(created) > 20, 20)
            stack.valkey.kill()
            killed_at = len(created)
            time.sleep(12)
            assert len(created) > killed_at + 20, "nothing was created meanwhile"
            stack.valkey.start()
            time.sleep(1)
            stack.valkey.process.send_signal(signal.SIGSTOP)  # worse: it takes calls and doesn't answer
            time.sleep(3)
            stack.valkey.process.send_signal(signal.SIGCONT)
        finally:
            over.set()
        for writer in writers:
            writer.result()
    stack.hears_of(created, within_s=40)
    heard = stack.heard()
    assert {len(heard[invoice_id]) for invoice_id in created} == {1}


def test_300_invoices_survive_the_end_of_every_process_and_each_is_heard_of_under_one_id(stack: Stack) -> None:
    acknowledged: dict[str, str] = {}
    deadline = time.monotonic() + 60

    def write(caller: int) -> None:
        for number in range(caller, 300, CALLERS):
            while f"KILL-{number}" not in acknowledged:
                assert time.monotonic() < deadline, "it did not come back"
                with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
                    status, answer = stack.create(f"KILL-{number}")
                    if status == 201:
                        acknowledged[f"KILL-{number}"] = answer["id"]
                        continue
                    assert status in (409, 503), answer
                time.sleep(0.2)

    with ThreadPoolExecutor(CALLERS) as callers:
        writers = [callers.submit(write, caller) for caller in range(CALLERS)]
        wait_until(lambda: len(acknowledged) > 100, 30)
        stack.kill_everything()
        stack.valkey.kill()
        before = set(acknowledged.values())
        assert len(before) < 300, "it was over too soon"
        stack.valkey.start()
        stack.start()
        for writer in writers:
            writer.result()
    assert len(acknowledged) == len(set(acknowledged.values())) == 300
    for number, invoice_id in acknowledged.items():
        status, invoice = stack.call("GET", f"invoices/{invoice_id}")
        assert (status, invoice["invoice_number"]) == (200, number)
    stack.hears_of(set(acknowledged.values()), within_s=LEASES_S)
    heard = stack.heard()
    assert {len(heard[invoice_id]) for invoice_id in acknowledged.values()} == {1}
    with stack.run.database() as database:
        made = database.execute("SELECT count(*) FROM invoices_invoice WHERE invoice_number LIKE 'KILL-%'").fetchone()
    assert made == (300,)
