"""The demo account's own clock, and what people do while it runs."""

import datetime as dt
import heapq
import itertools
import random
import uuid
from collections.abc import Callable

from communications.channels import Refusal
from communications.delivery import gate, status_updates
from communications.delivery.status_updates import Outcome, StatusUpdate
from communications.engine import clock
from communications.models import Communication, Medium, State
from communications.schedule import ordering
from inflow.accounts.models import Account
from webhooks.models import EventCounter

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
EVENTS_KEPT = 30 * DAY
READ_SHARE = 0.6
REFUSED = Outcome(State.FAILED, "RCPT 550 5.1.1 The email account does not exist", Refusal.ADDRESS)
UNKNOWN = Outcome(State.UNKNOWN, "TimeoutError")


class Stage:
    """Runs the engine from one thing that somebody does to the next. `faults` are the results of handing over the first
    email about an invoice, by its number."""

    def __init__(self, account: Account, began: dt.datetime, now: dt.datetime, draw: random.Random) -> None:
        self.account, self.began, self.now, self.random = account, began, now, draw
        self.today = now.astimezone(account.zone).date()
        self.faults: dict[str, Outcome] = {}
        # The last event of each moment since events are kept.
        self.moments: list[tuple[int, dt.datetime]] = []
        self._moment = began
        self._acts: list[tuple[dt.datetime, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._references = 240_000

    def moment(self, day: dt.date, hours: tuple[int, int]) -> dt.datetime:
        """Draw a moment of the day between these hours, on the account's clock."""
        time = dt.time(self.random.randint(*hours), self.random.randint(0, 59), self.random.randint(0, 59))
        return dt.datetime.combine(day, time, self.account.zone).astimezone(dt.UTC)

    def reference(self) -> str:
        """Draw the next reference of a transfer."""
        self._references += self.random.randint(1, 90)
        return f"TT-{self._references}"

    def at(self, moment: dt.datetime, act: Callable[[], object]) -> None:
        """Let somebody act at a moment, if it lies before now."""
        if moment < self.now:
            heapq.heappush(self._acts, (moment, next(self._order), act))

    def run(self) -> None:
        """Let all the time until now pass."""
        while self._acts:
            moment, _, act = heapq.heappop(self._acts)
            self._leap(max(moment, self.account.now()))
            self._look_at_clock()
            act()
        self._leap(self.now)
        self._look_at_clock()
        self._note_events()

    def _leap(self, moment: dt.datetime) -> None:
        clock.leap(self.account, moment, send=self.send, watch=self._look_at_clock)

    def _look_at_clock(self) -> None:
        """Note the events of the moment before if the clock shows another one. Call it before any work is done."""
        if self._moment != self.account.now():
            self._note_events()
            self._moment = self.account.now()

    def _note_events(self) -> None:
        """Note the last event of the moment, since events are kept."""
        if self._moment < self.now - EVENTS_KEPT - DAY:
            return
        last = EventCounter.objects.filter(account=self.account).values_list("seq", flat=True).first() or 0
        if not self.moments or self.moments[-1][0] != last:
            self.moments.append((last, self._moment))

    def send(self, account: Account, now: dt.datetime) -> None:
        """Capture what is due: no message of the past leaves the machine."""
        self._look_at_clock()
        due = Communication.objects.for_account(account).filter(status=State.SCHEDULED, scheduled_for__lte=now)
        for pk in list(due.order_by("scheduled_for", *ordering.SEND_ORDER).values_list("pk", flat=True)):
            if rows := gate.claim(pk, account=account):
                self._hand_over(rows)

    def _hand_over(self, rows: list[Communication]) -> None:
        row = rows[0]
        faulty = [each.invoice.invoice_number for each in rows if each.invoice.invoice_number in self.faults]
        if row.channel == Medium.EMAIL and faulty:
            status_updates.record(row.message_id, self.faults.pop(faulty[0]))
        elif row.channel == Medium.EMAIL:
            status_updates.record_captured(rows)
        else:
            provider_id = f"SM{uuid.UUID(int=self.random.getrandbits(128)).hex}"
            status_updates.record(row.message_id, Outcome(State.SENT, provider_id=provider_id))
            is_read = row.channel == Medium.WHATSAPP and self.random.random() < READ_SHARE
            for state in (State.DELIVERED, State.READ) if is_read else (State.DELIVERED,):
                status_updates.apply(self.account, row.channel, StatusUpdate(provider_id, state))
