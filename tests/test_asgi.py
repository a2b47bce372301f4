"""The event loop in front of Django: what is slow, on either side, delays nothing else."""

import asyncio
import errno
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.http import parse_cookie

from inflow.accounts import keys
from inflow.accounts.models import Account
from inflow.front import bodies, pools, responses
from inflow.front.application import Front
from inflow.tryout.folder import ROOT
from tests.front import Got, call, scope

WAITING = pytest.mark.parametrize(("path", "media"), [("/api/zapier/me", "application/problem+json"), ("/p/x", "text")])


class Site:
    """A WSGI application. Paths with `slow` wait until `go`; the others return what they were sent."""

    def __init__(self) -> None:
        self.go, self.calls, self.parts = threading.Event(), list[str](), 40

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.calls.append(environ["PATH_INFO"])
        if "broken" in environ["PATH_INFO"]:
            raise ValueError
        if "slow" in environ["PATH_INFO"]:
            self.go.wait(20)
        start_response("200 OK", [("Content-Type", "text/plain")])
        if "streamed" in environ["PATH_INFO"]:
            return self.streamed(fails="fails" in environ["PATH_INFO"])
        read = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        shown = {name: value for name, value in environ.items() if isinstance(value, str)}
        return [json.dumps({"body": read.decode(), **shown}).encode()]

    def streamed(self, *, fails: bool) -> Iterator[bytes]:
        for _ in range(self.parts):
            yield b"x" * 50_000
        if fails:
            raise ValueError


@asynccontextmanager
async def front(threads: int = 1) -> AsyncIterator[tuple[Front, Site]]:
    site = Site()
    made = Front(site, threads)
    made.start()
    try:
        yield made, site
    finally:
        site.go.set()
        made.stop()
        while made.programs.in_hand + made.people.in_hand:
            await asyncio.sleep(0.01)
        assert bodies.Body.in_files == 0


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def is_refused(got: Got, status: int, code: str, media: str) -> bool:
    assert got.headers["content-type"].startswith(media)
    assert got.headers["connection"] == "close"
    if media != "text":
        problem = json.loads(got.body)
        assert (problem["status"], problem["code"]) == (status, code)
        assert problem["request_id"] == got.headers["x-request-id"]
    assert ("retry-after" in got.headers) == (status == 503)
    return got.status == status


def test_a_header_name_with_an_underscore_is_dropped_and_repeated_ones_are_joined() -> None:
    async def test() -> None:
        async with front() as (site, _):
            headers = [
                ("X-Forwarded-For", "198.51.100.1"),
                ("X_Forwarded_For", "203.0.113.1"),
                ("X-Forwarded_Proto", "https"),
                ("X_InFlow_Key", "inflow_guessed"),
                ("Content_Length", "100"),
                ("X-Forwarded-For", "198.51.100.2"),
                ("Cookie", "a=1"),
                ("Cookie", "b=2"),
            ]
            seen = json.loads((await call(site, "GET", "/p/x?q=%C3%A9", headers)).body)
        sent = {name: value for name, value in seen.items() if name.startswith("HTTP_")}
        assert sent == {
            "HTTP_HOST": "testserver",
            "HTTP_X_FORWARDED_FOR": "198.51.100.1,198.51.100.2",
            "HTTP_COOKIE": "a=1; b=2",
        }
        assert (seen["REMOTE_ADDR"], seen["QUERY_STRING"], seen["wsgi.url_scheme"]) == ("192.0.2.1", "q=%C3%A9", "http")

    run(test)


@pytest.mark.parametrize("size", [0, 3, 500_000])
def test_a_body_in_chunks_arrives_whole(size: int) -> None:
    async def test() -> None:
        async with front() as (site, _):
            parts = [b"a" * (size // 2), b"b" * (size - size // 2)]
            seen = json.loads((await call(site, "POST", "/api/x", (), parts)).body)
            assert (len(seen["body"]), seen["CONTENT_LENGTH"]) == (size, str(size))
            assert "HTTP_TRANSFER_ENCODING" not in seen

    run(test)


@WAITING
def test_a_body_that_stalls_is_408_and_took_no_thread(monkeypatch: pytest.MonkeyPatch, path: str, media: str) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.3)

    async def test() -> None:
        async with front() as (site, app):
            stalled = [
                asyncio.create_task(call(site, "POST", path, (), [b"x" * size], stalls=True))
                for size in (1, 100_000)
                for _ in range(25)
            ]
            await asyncio.sleep(0)
            assert (await call(site, "GET", path)).status == 200
            assert (await call(site, "GET", "/healthz")).status == 200
            for got in await asyncio.gather(*stalled):
                assert is_refused(got, 408, "body_too_slow", media)
            assert app.calls == [path]

    run(test)


def test_progress_does_not_keep_a_slow_body_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.2)

    async def test() -> None:
        sent = list[Any]()

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async with front() as (site, _):
            await site(scope("POST", "/api/x", [("Transfer-Encoding", "chunked")]), receive, send)
        assert sent[0]["status"] == 408

    run(test)


@WAITING
@pytest.mark.parametrize("name", ["Content-Type", "Accept", "X-Forwarded-For"])
def test_a_long_header_is_refused_before_it_is_parsed(path: str, media: str, name: str) -> None:
    async def test() -> None:
        async with front() as (site, app):
            for headers in ([(name, ";" * 60_000)], [(name, '";"' * 1_000)] * 9):
                assert is_refused(await call(site, "GET", path, headers), 431, "header_too_large", media)
            assert app.calls == []
            assert (await call(site, "GET", path, [(name, "x" * 8_000), ("X" * 60_000, "x")])).status == 200

    run(test)


@WAITING
@pytest.mark.parametrize("broken", ["%FF", "a%ffb", "%E2%82", "%ED%A0%80", "%C0%80"])
def test_a_path_that_is_not_utf_8_is_404(path: str, media: str, broken: str) -> None:
    async def test() -> None:
        async with front() as (site, app):
            got = await call(site, "PUT", f"{path}/{broken}", parts=[b"{}"])
            assert is_refused(got, 404, "not_found", media)
            assert app.calls == []
            for whole in ("%25FF", "%E2%82%AC"):
                assert (await call(site, "PUT", f"{path}/{whole}", parts=[b"{}"])).status == 200

    run(test)


def test_cookies_that_no_browser_sends_are_dropped_and_the_others_kept() -> None:
    async def test() -> None:
        async with front() as (site, _):
            hostile = [
                "a=" + "b" * 5_000,
                'c="' + "\\1" * 2_000 + '"',
                *('d="' + "\\1" * 1_500 + '"' for _ in range(9)),
            ]
            cookies = ["sessionid=s", *hostile, *(f"other{number}=x" for number in range(500)), "csrftoken=t"]
            seen = json.loads((await call(site, "GET", "/p/x", [("Cookie", "; ".join(cookies))])).body)["HTTP_COOKIE"]
            parsed = parse_cookie(seen)
            assert (parsed["sessionid"], parsed["other499"], parsed["csrftoken"]) == ("s", "x", "t")
            assert "a" not in parsed
            assert seen.count("\\") <= 4_096

    run(test)


@WAITING
def test_a_body_that_is_no_http_or_ends_early_is_400(path: str, media: str) -> None:
    async def test() -> None:
        sent = list[Any]()

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async with front() as (site, app):
            await site(scope("POST", path, [("Transfer-Encoding", "chunked")]), receive, send)
            assert (sent[0]["status"], app.calls) == (400, [])
            assert media in dict(sent[0]["headers"])[b"content-type"].decode()

    run(test)


@WAITING
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_413(path: str, media: str, *, declared: bool) -> None:
    async def test() -> None:
        async with front() as (site, app):
            headers = [("Content-Length", str(99 * bodies.MIB))] if declared else []
            got = await call(site, "POST", path, headers, [b"x" * bodies.MIB] * 12, stalls=True)
            assert is_refused(got, 413, "body_too_large", media)
            assert app.calls == []

    run(test)


def test_large_bodies_are_bounded_together_and_small_ones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "IN_FILES", 3 * bodies.MIB)

    async def test() -> None:
        async with front() as (site, _):
            first = asyncio.create_task(call(site, "POST", "/api/x", (), [b"x" * bodies.MIB] * 3, stalls=True))
            await asyncio.sleep(0)
            got = await call(site, "POST", "/api/x", (), [b"x" * bodies.MIB])
            assert is_refused(got, 503, "unavailable", "application/problem+json")
            assert (await call(site, "POST", "/api/x", (), [b"x" * 1_000])).status == 200
            first.cancel()
            await asyncio.wait({first})

    run(test)


async def until(condition: Callable[[], bool]) -> None:
    """Threads tell the event loop of their end a moment after the response."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    assert condition()


def let_in_before(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(keys, "_accounts", {keys.digest(name): Account() for name in names})


def test_one_client_does_not_take_the_place_of_all_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "OF_ONE_CLIENT", 3 * bodies.MIB)
    let_in_before(monkeypatch, "k")

    async def test() -> None:
        async with front() as (site, _):
            first = asyncio.create_task(call(site, "POST", "/api/x", (), [b"x" * bodies.MIB] * 3, stalls=True))
            await asyncio.sleep(0)
            got = await call(site, "POST", "/hooks/x", (), [b"x" * bodies.MIB])
            assert is_refused(got, 503, "unavailable", "text")
            got = await call(site, "POST", "/api/x", [("X-InFlow-Key", "guess")], [b"x" * bodies.MIB])
            assert got.status == 503, "a made-up key makes another client"
            assert (await call(site, "POST", "/api/x", [("X-InFlow-Key", "k")], [b"x" * bodies.MIB])).status == 200
            first.cancel()
            await asyncio.wait({first})
            await until(lambda: not bodies.Body.of_clients)

    run(test)


def test_a_full_disk_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)

    async def test() -> None:
        async with front() as (site, _):
            got = await call(site, "POST", "/api/x", (), [b"x" * 100_000])
            assert is_refused(got, 503, "unavailable", "application/problem+json")

    run(test)


@pytest.mark.parametrize("path", ["/api/", "/p/"])
@pytest.mark.parametrize("given", ["a" * 9, "123456789", ""])
def test_one_client_never_has_all_threads(monkeypatch: pytest.MonkeyPatch, path: str, given: str) -> None:
    """A client is an account whose key was let in before, else an address, whatever keys it makes up."""
    let_in_before(monkeypatch, "a", "b")

    async def test() -> None:
        async with front(threads=3) as (site, app):
            sent = [[("X-InFlow-Key", key)] for key in given] or [[]] * 9
            slow = [asyncio.create_task(call(site, "GET", f"{path}slow", headers)) for headers in sent]
            await asyncio.sleep(0.05)
            await until(lambda: len(app.calls) == 2)
            if path == "/api/":
                assert (await call(site, "GET", f"{path}x", [("X-InFlow-Key", "b")])).status == 200
            app.go.set()
            assert {got.status for got in await asyncio.gather(*slow)} == {200}
            await until(lambda: not site.programs.in_hand_of + site.people.in_hand_of)

    run(test)


@pytest.mark.parametrize(("slow", "other"), [("/api/slow", "/admin/"), ("/admin/slow", "//api/zapier/me")])
def test_programs_people_and_health_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, slow: str, other: str
) -> None:
    monkeypatch.setattr(pools, "WAIT_S", 0.2)
    media = "application/problem+json" if slow.startswith("/api") else "text"

    async def test() -> None:
        async with front() as (site, app):
            running = asyncio.create_task(call(site, "GET", slow))
            await asyncio.sleep(0.05)
            waiting = asyncio.create_task(call(site, "GET", slow.replace("slow", "slow-too")))
            assert (await call(site, "GET", other)).status == 200
            assert (await call(site, "GET", "/healthz")).body == b"ok\n"
            assert is_refused(await waiting, 503, "unavailable", media)
            assert not [*site.programs.waiting, *site.people.waiting], "what was given up is kept"
            app.go.set()
            assert (await running).status == 200
            assert app.calls == [slow, other], "what was given up is not run"

    run(test)


def test_what_runs_too_long_is_503_and_its_thread_serves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "WAIT_S", 0.05)
    monkeypatch.setattr(pools, "RUN_S", 0.05)

    async def test() -> None:
        async with front() as (site, app):
            got = await call(site, "POST", "/api/slow", (), [b"x" * 100_000])
            assert is_refused(got, 503, "unavailable", "application/problem+json")
            assert bodies.Body.in_files > 0, "its body is still read"
            app.go.set()
            assert (await call(site, "GET", "/api/x")).status == 200

    run(test)


def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_WAITING", 4)
    let_in_before(monkeypatch, "a", "b", "c")

    async def test() -> None:
        async with front() as (site, app):
            held = [asyncio.create_task(call(site, "GET", "/api/slow")) for _ in range(3)]
            await asyncio.sleep(0)
            got = await call(site, "POST", "/api/x", (), [b"x" * 100_000])
            assert is_refused(got, 503, "unavailable", "application/problem+json")
            held += [asyncio.create_task(call(site, "GET", "/api/x", [("X-InFlow-Key", k)])) for k in "ab"]
            await asyncio.sleep(0)
            got = await call(site, "GET", "/api/x", [("X-InFlow-Key", "c")])
            assert is_refused(got, 503, "unavailable", "application/problem+json")
            app.go.set()
            assert {got.status for got in await asyncio.gather(*held)} == {200}

    run(test)


def test_a_client_that_reads_slowly_holds_no_thread_and_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "SECONDS", 0.2)

    async def test() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body":
                assert message["more_body"], "it was not cut off"
                is_begun.append(True)
                await asyncio.Event().wait()

        is_begun = list[bool]()

        async with front() as (site, _):
            slow = asyncio.create_task(site(scope("GET", "/admin/streamed"), receive, send))
            await asyncio.sleep(0.05)
            assert (await call(site, "GET", "/admin/")).status == 200
            await slow
            assert is_begun

    run(test)


def test_a_stream_is_sent_whole_or_cut_off() -> None:
    async def test() -> None:
        async with front() as (site, app):
            whole = await call(site, "GET", "/admin/streamed")
            assert (whole.body, whole.is_whole) == (b"x" * 2_000_000, True)
            assert not (await call(site, "GET", "/admin/streamed-fails")).is_whole
            app.parts = 1
            assert (await call(site, "GET", "/admin/streamed")).body == b"x" * 50_000
            assert (await call(site, "GET", "/admin/streamed-fails")).status == 500, "nothing was sent yet"
            assert (await call(site, "GET", "/admin/")).status == 200

    run(test)


@pytest.mark.parametrize(("path", "media"), [("/api/broken", "application/problem+json"), ("/broken", "text")])
def test_an_application_that_fails_is_500(path: str, media: str) -> None:
    async def test() -> None:
        async with front() as (site, _):
            assert is_refused(await call(site, "GET", path), 500, "internal", media)
            assert (await call(site, "GET", "/api/x")).status == 200

    run(test)


ORPHAN = """
import multiprocessing, sys, time
from inflow.front import parent

def work():
    parent.watch()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("fork").Process(target=work).start()
    time.sleep(60)
"""


def test_a_web_process_ends_when_its_main_process_is_killed() -> None:
    command = [sys.executable, "-c", ORPHAN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as main:
        assert main.stdout
        assert main.stdout.readline()
        main.send_signal(signal.SIGKILL)
        assert main.stdout.read() == b"", "it has ended: the pipe is closed"
