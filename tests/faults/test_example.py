"""The whole of it in real processes: the published example, its receiver and its clock."""

import contextlib
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.stack import Run, manage
from tests.receiver import Receiver

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


class Stack:
    """`make run`, an account of its own with a key, and a receiver that hears of its invoices."""

    def __init__(self, run: Run, receiver: Receiver) -> None:
        self.run, self.receiver = run, receiver
        account = self.manage("create_account", "Falcon Trading LLC", "--plan", "enterprise", "--per-minute", "100000")
        self.key = self.manage("create_api_key", account)
        hook = {"target_url": receiver.url, "events": ["invoice.created", "invoice.status_changed"]}
        status, answer = self.call("POST", "webhooks/subscribe", hook)
        assert status == 201
        self.secret: str = answer["secret"]

    def manage(self, *arguments: str) -> str:
        done = manage(self.run.data, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def call(self, method: str, path: str, body: object = None, key: str = "") -> tuple[int, Any]:
        web = http.client.HTTPConnection("127.0.0.1", self.run.port, timeout=20)
        with contextlib.closing(web):
            headers = {"X-InFlow-Key": key or self.key, "Content-Type": "application/json"}
            web.request(method, f"/api/zapier/{path}", None if body is None else json.dumps(body), headers)
            response = web.getresponse()
            return response.status, json.loads(response.read())

    def tick(self) -> None:
        """What beat does each minute, now, by the same worker."""
        self.manage("shell", "-v", "0", "-c", "from invoices.tasks import age_invoices; age_invoices.delay()")


@pytest.fixture(scope="module")
def stack(running: Run) -> Iterator[Stack]:
    with Receiver() as receiver:
        yield Stack(running, receiver)


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


def test_a_key_that_both_web_processes_have_seen_stops_at_once_in_both(stack: Stack) -> None:
    """They remember whose it was, and ask the database whether it is one."""
    account = stack.manage("create_account", "Oryx")
    key = stack.manage("create_api_key", account)
    answers = [stack.call("GET", "invoices", key=key) for _ in range(20)]
    assert [status for status, _ in answers] == [200] * 20
    with stack.run.database() as database:
        database.execute("UPDATE accounts_apikey SET revoked_at = now() WHERE account_id = %s", [account])
    assert {stack.call("GET", "invoices", key=key)[0] for _ in range(20)} == {401}
