"""Threads that run a WSGI application, and the requests that wait for one of them."""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.db import connections

from inflow.front.refusals import Refusal
from inflow.front.responses import PART, Response, Spool

log = structlog.get_logger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

MOST_WAITING = 100
WAIT_S = 10.0  # for a thread
RUN_S = 60.0  # for the response of a thread


class Pool:
    """Threads of its own, so that what is slow in one pool delays no other. Each keeps its database connection."""

    def __init__(self, name: str, application: Application, threads: int) -> None:
        self.name, self.application, self.threads = name, application, threads
        self.in_hand = 0
        self.most_running = max(1, threads - 1)  # of one client
        self.in_hand_of: Counter[str] = Counter()
        self._running_of: Counter[str] = Counter()
        self.waiting: deque[_Job] = deque()
        self._changed, self._is_stopped = threading.Condition(), False

    def start(self) -> None:
        for number in range(self.threads):
            threading.Thread(target=self._work, name=f"{self.name}-{number + 1}", daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    async def run(self, environ: dict[str, Any], client: str, after: Callable[[], None] | None = None) -> Response:
        """Return the application's response. `after` is called once when the request is over in any way.

        One client never has all threads, nor all places to wait for one.
        """
        most = self.threads + MOST_WAITING
        if self.in_hand >= most or self.in_hand_of[client] >= most * 3 // 4:
            if after:
                after()
            raise _unavailable()
        self.in_hand += 1
        self.in_hand_of[client] += 1
        job = _Job(self, environ, client, after)
        with self._changed:
            self.waiting.append(job)
            self._changed.notify()
        return await job.response

    def _work(self) -> None:
        while job := self._next():
            job.work()
            with self._changed:
                self._running_of[job.client] -= 1
        connections.close_all()

    def _next(self) -> "_Job | None":
        with self._changed:
            while (job := self._fitting()) is None and not (self._is_stopped and not self.waiting):
                self._changed.wait()
            if job:
                self.waiting.remove(job)
                self._running_of += Counter([job.client])  # this also forgets who has none
            return job

    def _fitting(self) -> "_Job | None":
        """Return the first job of a client that may have one thread more; at the end any."""
        most = self.threads if self._is_stopped else self.most_running
        return next((job for job in self.waiting if self._running_of[job.client] < most), None)

    def over(self, client: str) -> None:
        """Called in the event loop when a request is over."""
        self.in_hand -= 1
        self.in_hand_of[client] -= 1
        if not self.in_hand_of[client]:
            del self.in_hand_of[client]

    def take_back(self, job: "_Job") -> bool:
        """Return False if a thread has it already."""
        with self._changed:
            if job not in self.waiting:
                return False
            self.waiting.remove(job)
            return True


class _Job:
    """One request, from the event loop to a thread and back."""

    def __init__(self, pool: Pool, environ: dict[str, Any], client: str, after: Callable[[], None] | None) -> None:
        self._pool, self._environ, self.client, self._after = pool, environ, client, after
        self._loop = asyncio.get_running_loop()
        self.response: asyncio.Future[Response] = self._loop.create_future()
        self._timer = self._loop.call_later(WAIT_S, self._give_up)

    # In the event loop

    def _give_up(self) -> None:
        """No thread was free in time, or the one that runs it takes too long, as when PostgreSQL is frozen."""
        if self._pool.take_back(self):
            self._refuse(_unavailable())
            self._over()
        else:
            self._timer = self._loop.call_later(RUN_S, self._refuse, _unavailable())

    def _refuse(self, refusal: Refusal) -> None:
        if not self.response.done():
            self.response.set_exception(refusal)

    def _respond(self, response: Response) -> None:
        self._timer.cancel()
        if not self.response.done():
            self.response.set_result(response)
        elif isinstance(response.body, Spool):
            response.body.is_abandoned = True

    def _over(self) -> None:
        self._timer.cancel()
        self._pool.over(self.client)
        if self._after:
            self._after()
        self._refuse(Refusal(500, "internal", "Something went wrong on our side. The error has been logged."))

    # In a thread

    def work(self) -> None:
        try:
            self._run()
        except BaseException as error:
            log.exception("request_failed", error=type(error).__name__)
        finally:
            self._call(self._over)

    def _run(self) -> None:
        head: list[Any] = []
        parts: Any = self._pool.application(self._environ, lambda *started: head.extend(started[:2]))
        status, headers = int(head[0][:3]), head[1]
        try:
            self._send(status, headers, parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def _send(self, status: int, headers: list[tuple[str, str]], parts: Iterable[bytes]) -> None:
        """Respond at once with what is short or whole, and by a spool with what is long."""
        spool, held = None, bytearray()
        try:
            for part in parts:
                held += part
                if len(held) < PART or isinstance(parts, list):
                    continue
                if spool is None:
                    spool = Spool(self._loop)
                    self._call(self._respond, Response.of(status, headers, spool))
                if spool.is_abandoned:
                    return
                spool.write(bytes(held))
                held.clear()
            if spool is None:
                self._call(self._respond, Response.of(status, headers, bytes(held)))
            else:
                spool.write(bytes(held))
                spool.end()
        except BaseException:
            if spool:
                spool.end(failed=True)
            raise

    def _call(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call it in the event loop, unless that has ended with the process."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)


def _unavailable() -> Refusal:
    return Refusal(503, "unavailable", "Try again in a few seconds.")
