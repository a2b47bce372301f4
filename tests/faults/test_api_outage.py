"""The API while PostgreSQL or Valkey is away, and what a real web server makes of its requests. Real processes."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from inflow.tryout.folder import ROOT
from inflow.tryout.processes import kill_group, owned, spawn
from inflow.tryout.servers import Server, start_postgres, start_valkey
from tests.faults.stack import free_port, wait_until, web_command

INVOICE = {"debtor_name": "Ahmed", "amount": 25000, "currency": "AED", "due_date": "2026-02-14"}
# A request that meets a Valkey that does not answer waits for it this long at most, in seconds.
PATIENCE = 3.0
QUERY_SECONDS = 3


class Line:
    """A port of its own in front of a server that may come back on another one."""

    def __init__(self) -> None:
        self.target: int | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            try:
                assert self.target
                server = socket.create_connection(("127.0.0.1", self.target))
            except (AssertionError, OSError):
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Api:
    """A web server of one process with a PostgreSQL, which has its tables, and a Valkey of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.lines = {"postgres": Line(), "valkey": Line()}
        self.servers: dict[str, Server] = {}
        self.port = free_port()
        self.log = data / "web.log"
        for name in self.lines:
            self.start(name)
        addresses = {name: self._through(name) for name in self.lines}
        # A query's time is ten seconds where the environment does not say otherwise.
        self.environ = os.environ | {
            "DJANGO_SETTINGS_MODULE": "inflow.settings",
            "DATABASE_URL": addresses["postgres"],
            "REDIS_URL": addresses["valkey"],
            "PGOPTIONS": f"-c statement_timeout={QUERY_SECONDS}s",
        }
        account = self._manage("create_account", "Falcon", "--plan", "enterprise", "--per-minute", "100000")
        self.key = self._manage("create_api_key", account)
        self.start_web()
        hook = {"url": "https://example.com/hook", "event": "invoice.created"}
        assert self.call("POST", "webhooks/subscribe", hook).status == 201

    def start(self, name: str) -> None:
        if name == "postgres":
            server = start_postgres(self.data, durable=False)
        else:
            server = start_valkey(self.data)
            if name in self.servers:  # a new start makes a new password
                password = self.servers[name].url.partition("://:")[2].partition("@")[0]
                redis.Redis.from_url(server.url).config_set("requirepass", password)
        self.servers[name] = server
        self.lines[name].target = int(server.url.rpartition(":")[2].partition("/")[0])

    def stop(self, name: str) -> None:
        self.servers[name].stop()

    def _through(self, name: str) -> str:
        """Its address by the line."""
        return self.servers[name].url.replace(str(self.lines[name].target), str(self.lines[name].port))

    def _manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start_web(self) -> None:
        with self.log.open("ab") as log:
            self.web = spawn(web_command(self.port), self.data, env=self.environ, cwd=ROOT, stdout=log, stderr=log)
        wait_until(self.answers, 120)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.call("GET", "me").status == 200
        return False

    def database(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.servers["postgres"].url)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> "Answer":
        sent = {"X-InFlow-Key": self.key, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(web):
            began = time.monotonic()
            raw = json.dumps(body).encode() if isinstance(body, dict) else body
            path = path if path.startswith("/") else f"/api/zapier/{path}"
            web.request(method, path, raw, sent)  # type: ignore[arg-type]
            response = web.getresponse()
            return Answer(response.status, response.headers, response.read(), time.monotonic() - began)

    def create(self, number: str, **headers: str) -> "Answer":
        return self.call("POST", "invoices", INVOICE | {"invoice_number": number}, **headers)

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


class Answer:
    def __init__(self, status: int, headers: Message, body: bytes, seconds: float) -> None:
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, with_tables: Callable[[Path], Path]) -> Iterator[Api]:
    data = with_tables(tmp_path_factory.mktemp("outage") / "var")
    with owned(data):
        api = Api(data)
        try:
            yield api
        finally:
            api.web.terminate()
            kill_group(api.web)
            for server in api.servers.values():
                server.process.send_signal(signal.SIGCONT)
                server.stop()


def unavailable(answer: Answer) -> bool:
    if answer.status != 503:
        return False
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    problem = answer.json
    assert (problem["code"], problem["request_id"]) == ("unavailable", answer.headers["X-Request-Id"])
    assert b"psycopg" not in answer.body
    return True


def test_the_database_away_is_503_with_retry_after_and_it_recovers_by_itself(api: Api) -> None:
    assert api.create("before").status == 201
    api.stop("postgres")
    for _ in range(3):
        assert unavailable(api.call("GET", "invoices"))
        assert unavailable(api.create("during", Idempotency_Key="during"))
        assert unavailable(api.call("GET", "me", X_InFlow_Key="inflow_" + "0" * 49)) is False  # known to be misspelt
    assert api.call("GET", "/api/openapi.json").status == 200
    assert api.call("GET", "/api/nope").status == 404
    assert {line["level"] for line in api.logged("database_away")} == {"error"}
    api.start("postgres")
    wait_until(lambda: api.call("GET", "invoices").status == 200, 5)
    made = api.create("during", Idempotency_Key="during")
    assert (made.status, made.headers.get("Idempotent-Replayed")) == (201, None)
    assert [row["invoice_number"] for row in api.call("GET", "invoices").json] == ["during", "before"]


def test_connections_that_died_between_two_requests_are_not_noticed(api: Api) -> None:
    assert api.call("GET", "me").status == 200
    with api.database() as database:
        database.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    assert api.call("GET", "invoices").status == 200


def test_a_query_past_its_time_is_503(api: Api) -> None:
    """It waits for somebody's lock on the whole table."""
    with api.database() as database:
        database.execute("LOCK TABLE invoices_invoice IN ACCESS EXCLUSIVE MODE")
        answer = api.call("GET", "invoices")
    assert unavailable(answer)
    assert QUERY_SECONDS - 1 < answer.seconds < QUERY_SECONDS + 2
    assert api.call("GET", "invoices").status == 200


def test_valkey_away_the_api_answers_without_limits_and_logs_it(api: Api) -> None:
    assert "RateLimit" in api.call("GET", "me").headers
    api.stop("valkey")
    for number in range(2):
        answer = api.call("GET", "invoices")
        assert (answer.status, answer.headers.get("RateLimit")) == (200, None)
        assert api.create(f"without Valkey {number}").status == 201
        assert api.call("GET", "me", X_InFlow_Key="").status == 401
    assert {line["level"] for line in api.logged("rate_limit_off")} == {"warning"}
    assert api.logged("broker_unavailable")
    api.start("valkey")
    wait_until(lambda: "RateLimit" in api.call("GET", "me").headers, 5)


def test_a_valkey_that_hangs_is_waited_for_briefly(api: Api) -> None:
    assert "RateLimit" in api.call("GET", "me").headers
    api.servers["valkey"].process.send_signal(signal.SIGSTOP)
    try:
        answers = [
            *(api.call("GET", "invoices") for _ in range(2)),
            *(api.create(f"hanging {number}") for number in range(2)),
            api.call("GET", "me", X_InFlow_Key=""),
        ]
    finally:
        api.servers["valkey"].process.send_signal(signal.SIGCONT)
    assert [answer.status for answer in answers] == [200, 200, 201, 201, 401]
    assert max(answer.seconds for answer in answers) < PATIENCE
    wait_until(lambda: "RateLimit" in api.call("GET", "me").headers, 5)


def test_the_request_id_is_in_the_logs(api: Api) -> None:
    api.call("GET", "/api/nope", X_Request_Id="find-me")
    assert [line for line in api.logged("Not Found: /api/nope") if line["request_id"] == "find-me"]
    assert api.key not in api.log.read_text()


def test_a_body_sent_in_chunks_is_read(api: Api) -> None:
    body = json.dumps(INVOICE | {"invoice_number": "in chunks"}).encode()
    answer = api.call("POST", "invoices", iter([body[:20], body[20:]]))
    assert (answer.status, answer.json.get("invoice_number")) == (201, "in chunks")
    assert api.call("POST", "invoices", iter([b" " * 100_000] * 3)).status == 413


def test_the_web_server_keeps_head_and_headers_in_bounds(api: Api) -> None:
    head = api.call("HEAD", "invoices")
    assert (head.status, head.body) == (200, b"")
    assert api.call("GET", "me", X_InFlow_Key="x" * 50_000).status in (401, 431)
    assert api.call("GET", "invoices", Host="evil.example").json["code"] == "bad_request"
    for path in ("/api/zapier/invoices%00", "/api/%ff", "/api/%E2%82", "/api/zapier/invoices/%2e%2e%2f"):
        assert api.call("GET", path).json["code"] == "not_found"


def test_a_server_killed_between_effect_and_answer_leaves_the_key_usable(api: Api) -> None:
    path = f"invoices/{api.create('killed').json['id']}/payments"
    with api.database() as database:
        database.execute("SELECT 1 FROM invoices_invoice WHERE invoice_number = 'killed' FOR UPDATE")
        first = threading.Thread(target=lambda: _ignore_loss(api, path), daemon=True)
        first.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with api.database() as watcher:
            wait_until(lambda: watcher.execute(waiting).fetchone() == (1,), 10)
        assert api.call("POST", path, {"amount": 5}, Idempotency_Key="k-1").status == 409
        kill_group(api.web)
    first.join(10)
    api.start_web()
    wait_until(lambda: api.call("POST", path, {"amount": 5}, Idempotency_Key="k-1").status == 201, 10)
    again = api.call("POST", path, {"amount": 5}, Idempotency_Key="k-1")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(api.call("GET", path).json) == 1


STALLED = (
    b"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    b"POST /api/zapier/invoices HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{",
    b"GET / HTTP/1.1\r\nHo",
    # The response is not read.
    b"GET /static/unfold/css/styles.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"",
)


def test_fifty_stalled_connections_delay_nobody(api: Api) -> None:
    with contextlib.ExitStack() as stalled:
        for sent in STALLED * 10:
            client = stalled.enter_context(socket.create_connection(("127.0.0.1", api.port)))
            client.sendall(sent)
        for _ in range(3):
            assert api.call("GET", "/healthz").status == 200
            assert api.call("GET", "me").status == 200
            assert api.call("GET", "/admin/login/").status == 200


def test_header_names_with_underscores_are_dropped_on_the_wire(api: Api) -> None:
    web = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
    with contextlib.closing(web):
        web.request("GET", "/api/zapier/me", headers={"X_InFlow_Key": api.key})
        assert web.getresponse().status == 401


def test_health_checks_answer_while_postgresql_is_frozen(api: Api) -> None:
    postmaster = psutil.Process(api.servers["postgres"].process.pid)
    frozen = [postmaster, *postmaster.children(recursive=True)]
    callers = [threading.Thread(target=api.call, args=("GET", path)) for path in ("invoices", "/admin/login/") * 10]
    for process in frozen:
        process.suspend()
    try:
        for caller in callers:
            caller.start()
        assert api.call("GET", "/healthz").status == 200
        ready = api.call("GET", "/readyz")
        assert (ready.status, ready.body) == (503, b"unavailable\n")
    finally:
        for process in frozen:
            process.resume()
        for caller in callers:
            caller.join(20)
    assert api.call("GET", "invoices").status == 200


def test_a_killed_worker_is_replaced_and_none_outlives_the_main_process(api: Api) -> None:
    main = psutil.Process(api.web.pid)
    [worker] = main.children()
    worker.kill()
    wait_until(lambda: api.answers() and main.children() != [worker], 120)
    assert api.web.poll() is None
    [worker] = main.children()
    main.kill()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 15)
    api.web.wait()
    api.start_web()


def _ignore_loss(api: Api, path: str) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        api.call("POST", path, {"amount": 5}, Idempotency_Key="k-1")
