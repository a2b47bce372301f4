"""Threads that run a WSGI application, and the requests that wait for one of them."""

import asyncio
import queue
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from django.db import connections

from inflow.front.errors import Refusal
from inflow.front.responses import PART, Response, Spool

log = structlog.get_logger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

MOST_WAITING = 100
WAIT_S = 10.0  # for a thread
RUN_S = 60.0  # for the response of a thread


class Pool:
    """Threads that run the application. What is slow in one pool delays no other.

    The event loop decides which request a thread gets next, so all but the queue is used by the event loop alone.
    """

    def __init__(self, name: str, application: Application, threads: int) -> None:
        self.name, self.application, self.threads = name, application, threads
        self.in_hand = 0
        self.in_hand_of: Counter[str] = Counter()
        self.waiting: deque[_Job] = deque()
        self._free = threads
        self._most_running = max(1, threads - 1)  # of one client
        self._running_of: Counter[str] = Counter()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()

    def start(self) -> None:
        for number in range(self.threads):
            threading.Thread(target=self._work, name=f"{self.name}-{number + 1}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads finish what is waiting, and end."""
        for job in [*self.waiting, *[None] * self.threads]:
            self._queue.put(job)
        self.waiting.clear()

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
        self.waiting.append(job)
        self._start_waiting()
        return await job.response

    def _start_waiting(self) -> None:
        """Give the free threads the first jobs of clients that may have one more."""
        while self._free:
            fits = (job for job in self.waiting if self._running_of[job.client] < self._most_running)
            if (job := next(fits, None)) is None:
                return
            self.waiting.remove(job)
            self._free -= 1
            self._running_of[job.client] += 1
            self._queue.put(job)

    def finished(self, client: str) -> None:
        """Count a thread as free."""
        self._free += 1
        _decrease(self._running_of, client)
        self._start_waiting()

    def over(self, client: str) -> None:
        """Count a request as over."""
        self.in_hand -= 1
        _decrease(self.in_hand_of, client)

    def _work(self) -> None:
        while job := self._queue.get():
            job.work()
        connections.close_all()


class _Job:
    """One request, from the event loop to a thread and back."""

    def __init__(self, pool: Pool, environ: dict[str, Any], client: str, after: Callable[[], None] | None) -> None:
        self._pool, self._environ, self.client, self._after = pool, environ, client, after
        self._loop = asyncio.get_running_loop()
        self._whole: Response | None = None
        self.response: asyncio.Future[Response] = self._loop.create_future()
        self._timer = self._loop.call_later(WAIT_S, self._give_up)

    # In the event loop

    def _give_up(self) -> None:
        """No thread was free in time, or the one that runs it takes too long, as when PostgreSQL is frozen."""
        if self in self._pool.waiting:
            self._pool.waiting.remove(self)
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

    def _finish(self) -> None:
        if self._whole:
            self._respond(self._whole)
        self._pool.finished(self.client)
        self._over()

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
            self._call(self._finish)

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
        """Keep a response that is short or complete, and send a long one through a spool while it is produced."""
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
                self._whole = Response.of(status, headers, bytes(held))
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


def _decrease(counts: Counter[str], client: str) -> None:
    counts[client] -= 1
    if not counts[client]:
        del counts[client]


def _unavailable() -> Refusal:
    return Refusal(503, "unavailable", "Try again in a few seconds.")
