"""The whole of it in real processes: the published example, its receiver and its clock, and an end by kill -9."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inflow import embedded
from tests.faults.stack import Run, manage, wait_until
from tests.receiver import Answer, Receiver, Request

# The public page of the API, to the letter.
EXAMPLE = """
curl -X POST https://inflowai.ai/api/zapier/invoices \\
  -H "X-InFlow-Key: inflow_your_key" \\
  -H "Content-Type: application/json" \\
  -d '{
    "invoice_number": "INV-2026-001",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_company": "Gulf Trading LLC",
    "debtor_email": "ahmed@gulftrading.ae",
    "debtor_phone": "+971501234567",
    "amount": 25000,
    "currency": "AED",
    "issue_date": "2026-01-15",
    "due_date": "2026-02-14",
    "language": "en"
  }'
"""
PUBLISHED = {
    "invoice_number": "INV-2026-001",
    "debtor_name": "Ahmed Al Rashid",
    "debtor_company": "Gulf Trading LLC",
    "amount": 25000,
    "currency": "AED",
    "status": "new",
    "payment_status": "unpaid",
    "due_date": "2026-02-14",
}
EVENT_S = 2.0
# Rows that a killed worker held are offered again when its lease has ended, half a minute after it took them.
RECOVERY_S = 50.0


class Stack:
    """`make run`, an account of its own with a key, and a receiver that hears of its invoices."""

    def __init__(self, data: Path, receiver: Receiver) -> None:
        self.data, self.receiver = data, receiver
        self.run = Run(data).ready()
        account = self.manage("create_account", "Falcon Trading LLC", "--plan", "enterprise", "--per-minute", "100000")
        self.key = self.manage("create_api_key", account)
        hook = {"target_url": receiver.url, "events": ["invoice.created", "invoice.status_changed"]}
        status, answer = self.call("POST", "webhooks/subscribe", hook)
        assert status == 201
        self.secret: str = answer["secret"]

    def manage(self, *arguments: str) -> str:
        done = manage(self.data, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        web = http.client.HTTPConnection("127.0.0.1", self.run.port, timeout=20)
        with contextlib.closing(web):
            headers = {"X-InFlow-Key": self.key, "Content-Type": "application/json"}
            web.request(method, f"/api/zapier/{path}", None if body is None else json.dumps(body), headers)
            response = web.getresponse()
            return response.status, json.loads(response.read())

    def create(self, number: str) -> tuple[int, Any]:
        body = {"invoice_number": number, "debtor_name": "Ahmed", "amount": 10, "currency": "AED"}
        return self.call("POST", "invoices", body | {"due_date": "2999-12-31"})

    def tick(self) -> None:
        """What beat does each minute, now, by the same worker."""
        self.manage("shell", "-v", "0", "-c", "from invoices.tasks import age_invoices; age_invoices.delay()")

    def kill_everything(self) -> None:
        self.run.process.kill()
        for process in embedded.processes_of(self.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.run.process.wait()
        wait_until(self.run.left_nothing, 15)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("kill") / "var"
    with Receiver() as receiver:
        stack = Stack(data, receiver)
        try:
            yield stack
        finally:
            stack.run.close()


@pytest.fixture(scope="module")
def example(stack: Stack) -> dict[str, Any]:
    """The answer to the published example, of which only host and key are changed."""
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    command = EXAMPLE.replace("https://inflowai.ai", f"http://127.0.0.1:{stack.run.port}")
    command = command.replace("inflow_your_key", stack.key)
    command = f"{command.strip()} -s -w '%{{http_code}}'"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20)
    assert done.stdout[-3:] == "201", done.stdout
    answer: dict[str, Any] = json.loads(done.stdout[:-3])
    stack.receiver.wait_for(1, within_s=EVENT_S)
    return answer


def test_the_published_example_makes_the_published_invoice(stack: Stack, example: dict[str, Any]) -> None:
    assert {name: example[name] for name in PUBLISHED} == PUBLISHED
    assert isinstance(example["amount"], int)
    assert {"id", "created_at"} <= set(example)
    assert stack.call("GET", f"invoices/{example['id']}") == (200, example)


def test_its_receiver_hears_of_it_within_two_seconds(stack: Stack, example: dict[str, Any]) -> None:
    told = stack.receiver.requests[0].verified(stack.secret)
    assert (told["type"], told["data"]) == ("invoice.created", example)


def test_the_clock_makes_it_overdue_and_plans_its_reminder_once(stack: Stack, example: dict[str, Any]) -> None:
    stack.tick()
    told = stack.receiver.wait_for(2)[1].verified(stack.secret)
    assert (told["type"], told["data"]["id"]) == ("invoice.status_changed", example["id"])
    assert (told["data"]["previous_status"], told["data"]["status"]) == ("new", "overdue")
    stack.tick()
    status, planned = stack.call("GET", f"communications/{example['id']}?status=all")
    assert status == 200
    assert [(each["kind"], each["status"], each["recipient"]) for each in planned] == [
        ("reminder", "scheduled", "ahmed@gulftrading.ae")
    ]
    assert stack.call("GET", f"communications/{example['id']}") == (200, [])
    assert len(stack.receiver.requests) == 2


def test_what_was_acknowledged_survives_the_end_of_every_process(stack: Stack) -> None:
    stack.receiver.answer = Answer(after_s=0.2)  # so that the backlog is long when the end comes
    acknowledged: list[str] = []
    enough = threading.Event()

    def write() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while (answer := stack.create(f"KILL-{len(acknowledged)}"))[0] == 201:
                acknowledged.append(answer[1]["id"])
                if len(acknowledged) == 60:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(30)
    stack.kill_everything()
    writer.join()
    heard = events_by_invoice(stack)
    assert set(acknowledged) - set(heard), "nothing was left to be told"

    stack.receiver.answer = Answer()
    stack.run = Run(stack.data).ready()
    for invoice_id in acknowledged:
        assert stack.call("GET", f"invoices/{invoice_id}")[0] == 200
    stack.receiver.wait_until(lambda _: set(acknowledged) <= set(events_by_invoice(stack)), within_s=RECOVERY_S)
    heard = events_by_invoice(stack)
    assert [len(heard[invoice_id]) for invoice_id in acknowledged] == [1] * len(acknowledged)


def events_by_invoice(stack: Stack) -> dict[str, set[str]]:
    """The ids under which the receiver heard of each invoice's creation, every signature checked."""
    heard = defaultdict(set)
    requests: list[Request] = list(stack.receiver.requests)
    for request in requests:
        told = request.verified(stack.secret)
        if told["type"] == "invoice.created":
            heard[told["data"]["id"]].add(request.headers["webhook-id"])
    return heard
