"""Random histories of an account, each of which must keep the promises of the reminder schedule.

HISTORIES in the environment sets their number: `make test-slow` plays two to see that all still works, and
`make nightly` sixty.
A long run shows a failing history as it was found: making it shorter takes longer than playing a hundred.
"""

import datetime as dt
import os
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, note, settings

from communications.engine import clock
from inflow.accounts.models import Account
from invoices.models import Invoice, Status
from tests.communications import history
from tests.communications.story import PASSING, RULES, STORIES, ZONES, Rules, Story, Teller, look
from tests.parallel import at_once

HISTORIES = int(os.environ.get("HISTORIES", "2"))
WORKERS = 8
pytestmark = [pytest.mark.properties, pytest.mark.usefixtures("handed_over")]
PROVED = settings(
    phases=[Phase.generate] if HISTORIES > 50 else list(Phase),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
BEGINNING: Story = [("arrive", 5), ("create", 8)]
END: Story = [("weeks", 8), ("weeks", 8)]


def in_small_steps(account: Account, target: dt.datetime) -> None:
    """To the same moment, by as many calls as a nervous tester makes."""
    step = dt.timedelta(hours=31)
    while account.clock and account.clock + step < target:
        clock.set_clock(account, account.clock + step)
    clock.set_clock(account, target)


@pytest.mark.django_db
@settings(PROVED, max_examples=HISTORIES)
@given(story=STORIES, zone=ZONES, rules=RULES)
def test_any_history_keeps_the_promises_of_the_ladder(story: Story, zone: str, rules: Rules) -> None:
    note(f"{story} {zone} {rules}")
    with transaction.atomic():
        teller = Teller(zone, rules)
        teller.tell([*BEGINNING, *story, ("stop", 1), *END])
        history.check(teller.account)
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(PROVED, max_examples=max(1, HISTORIES // 4))
@given(story=STORIES, zone=ZONES, rules=RULES)
def test_one_leap_of_the_clock_gives_the_same_messages_as_many_small_steps(
    story: Story, zone: str, rules: Rules
) -> None:
    note(f"{story} {zone} {rules}")
    with transaction.atomic():
        tellers = Teller(zone, rules), Teller(zone, rules, leap=in_small_steps)
        for teller in tellers:
            teller.tell([*BEGINNING, *story, *END])
        first, second = (history.told(teller.account) for teller in tellers)
        assert first == second
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
@settings(PROVED, max_examples=max(1, HISTORIES // 8))
@given(story=STORIES, zone=ZONES)
def test_any_history_keeps_them_while_eight_workers_look(story: Story, zone: str) -> None:
    note(f"{story} {zone}")
    teller = Teller(zone, leap=lambda account, to: Account.objects.filter(pk=account.pk).update(clock=to))

    def work() -> None:
        for _ in range(2):
            look(Account.objects.get(pk=teller.account.pk))

    def play(move: str, number: int) -> Callable[[], Any]:
        return lambda: teller.make_move(move, number)

    for move, number in [*BEGINNING, *story, ("stop", 1)]:
        if move in PASSING:
            teller.make_move(move, number)
            moves = []
        else:
            moves = [play(move, number)]
        assert [result for result in at_once(*moves, *[work] * WORKERS) if result is not None] == []
    teller.account.refresh_from_db()
    clock.set_clock(teller.account, teller.account.now() + dt.timedelta(weeks=8))
    history.check(teller.account, in_turn=False)
    late = Invoice.objects.for_account(teller.account).filter(due_date__lt=teller.account.today())
    assert not late.filter(status=Status.NEW).exists()
