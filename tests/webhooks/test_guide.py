"""docs/webhooks.md: its code runs, and its numbers are the engine's."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from inflow.tryout.folder import ROOT
from tests import make
from tests.receiver import Receiver
from webhooks.delivery import outcomes, signing, transport
from webhooks.models import EventType
from webhooks.outbox import put

GUIDE = (ROOT / "docs" / "webhooks.md").read_text()
BODY = json.dumps({"id": "evt_1", "data": {"debtor_name": "أحمد"}}, ensure_ascii=False).encode()

Verify = Callable[[str, dict[str, str], bytes], Any]


def code(language: str, name: str) -> str:
    """The block of the guide that defines `name`."""
    [block] = [block for block in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if f" {name}(" in block]
    return str(block)


def in_python(secret: str, headers: dict[str, str], body: bytes) -> Any:
    scope: dict[str, Any] = {}
    exec(code("python", "verify"), scope)  # noqa: S102
    return scope["verify"](secret, headers, body)


def in_node(secret: str, headers: dict[str, str], body: bytes) -> Any:
    """Raises ValueError where the verifier throws."""
    given = json.dumps({"secret": secret, "headers": headers, "body": body.hex()})
    program = f"""{code("js", "verify")}
const given = JSON.parse(require("node:fs").readFileSync(0));
try {{
  console.log(JSON.stringify(verify(given.secret, given.headers, Buffer.from(given.body, "hex"))));
}} catch (error) {{
  console.log(error.message);
  process.exit(3);
}}
"""
    done = subprocess.run(["node", "-e", program], input=given, capture_output=True, text=True, timeout=30)
    if done.returncode == 3:
        raise ValueError(done.stdout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
VERIFIERS = [pytest.param(in_python, id="python"), pytest.param(in_node, id="node", marks=needs_node)]


def signed(secret: str, *also: str, at: float = 0, body: bytes = BODY) -> dict[str, str]:
    return signing.headers(secret, "evt_1", int(time.time() + at), body, also)


@pytest.mark.parametrize("verify", VERIFIERS)
def test_the_guides_verifier_takes_what_is_signed_also_by_one_of_two_secrets(verify: Verify) -> None:
    secret, other = signing.new_secret(), signing.new_secret()
    expected = json.loads(BODY)
    assert verify(secret, signed(secret), BODY) == expected
    assert verify(other, signed(secret, other), BODY) == expected
    assert verify(secret, signed(secret, other), BODY) == expected


@pytest.mark.parametrize("verify", VERIFIERS)
def test_the_guides_verifier_refuses_the_rest(verify: Verify) -> None:
    secret = signing.new_secret()
    good = signed(secret)
    for headers, body in (
        (good, BODY + b" "),
        (good | {"webhook-id": "evt_2"}, BODY),
        (good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, BODY),
        (good | {"webhook-signature": "v1,AAAA v1a,AAAA"}, BODY),
        (good | {"webhook-signature": ""}, BODY),
        (signed(signing.new_secret()), BODY),
        (signed(secret, at=-330), BODY),
        (signed(secret, at=330), BODY),
        (good | {"webhook-timestamp": "soon"}, BODY),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            verify(secret, headers, body)


@pytest.mark.django_db
def test_the_guides_verifier_reads_what_the_engine_sends(settings: Any) -> None:
    from webhooks.delivery.sending import deliver_due

    settings.TRY_OUT = True
    account = make.account()
    with Receiver() as receiver:
        _, secret = make.subscription(account, receiver.url)
        invoice = make.invoice(account)
        deliver_due()
        [request] = receiver.requests
    assert in_python(secret, dict(request.headers), request.body)["data"]["id"] == str(invoice.pk)


@pytest.mark.django_db(transaction=True)
def test_the_guides_reader_reads_every_event_that_it_does_not_have(live_server: Any) -> None:
    account = make.account(requests_per_minute=100_000)
    _, key = make.key(account)
    with transaction.atomic():
        for number in range(250):
            put(account, EventType.INVOICE_CREATED, {"number": number})
    scope: dict[str, Any] = {}
    exec(code("python", "missed"), scope)  # noqa: S102
    assert [event["seq"] for event in scope["missed"](live_server.url, key, 7)] == list(range(8, 251))


def test_the_retry_table_is_the_engines() -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]*) \|$", GUIDE, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, len(outcomes.SCHEDULE_S) + 1))
    steps = [seconds(step) for _, step, _ in rows]
    assert steps == list(outcomes.SCHEDULE_S)
    for number, (_, _, total) in enumerate(rows[1:], start=1):
        assert abs(seconds(total) - sum(outcomes.SCHEDULE_S[: number + 1])) < 60


def seconds(text: str) -> int:
    if text == "at once":
        return 0
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+) (s|min|h)\b", text))


def test_the_limits_are_the_engines() -> None:
    assert (
        f"within {transport.HEADERS_S:.0f} s of the first packet, all of it within {transport.TOTAL_S:.0f} s" in GUIDE
    )
    assert f"{transport.READ_BYTES // 1024} KiB" in GUIDE


def test_the_guide_is_found_from_the_api_guide() -> None:
    assert "(webhooks.md)" in Path(ROOT / "docs" / "api.md").read_text()
