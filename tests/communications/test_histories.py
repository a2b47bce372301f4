"""Whatever happens, and in whatever order: the promises of the ladder hold."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from communications import clock, policies, sender
from inflow.accounts.models import Account
from invoices import cases, debtors, lifecycle
from invoices.models import OPEN, Debtor, Escalation, Invoice, Payment, Status
from tests import make
from tests.communications import history

BEGIN = dt.datetime(2026, 1, 5, 6, 30, tzinfo=dt.UTC)
MOVES = ["create", "arrive", "pay", "pay part", "reverse", "dispute", "hold", "resume", "promise", "move", "close"]
MOVES += ["opt out", "answer", "acknowledge", "resolve", "policy", "tick", "minutes", "hours", "days", "days", "weeks"]
Story = list[tuple[str, int]]
STORIES = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 10_000)), min_size=5, max_size=14)
PROVED = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Teller:
    """Tells a story to an account, move by move; what the rules refuse is simply not done."""

    def __init__(self, zone: str = "Asia/Dubai", *, leaps: Callable[[Account, dt.datetime], Any] | None = None) -> None:
        self.account = make.account(time_zone=zone, is_test=True)
        self.leap = leaps or clock.set_clock
        self.leap(self.account, BEGIN)
        self.made = 0

    def tell(self, story: Story) -> None:
        for move, number in story:
            self.account.refresh_from_db()
            try:
                with transaction.atomic() if move not in ("minutes", "hours", "days", "weeks") else _Nothing():
                    self.play(move, number)
            except lifecycle.Refused:
                pass

    def play(self, move: str, number: int) -> None:
        account, today = self.account, self.account.today()
        assert account.clock
        if move in ("create", "arrive"):
            self.made += 1
            late = -(number % 40) - 1 if move == "arrive" else number % 40
            due = today + dt.timedelta(days=late)
            email = f"debtor{number % 3}@example.com" if number % 7 else ""
            make.invoice(account, due_date=due, issue_date=due - dt.timedelta(days=30), debtor_email=email)
            return
        if move in ("minutes", "hours", "days", "weeks"):
            self.leap(account, account.clock + dt.timedelta(**{move: number % 9 + 1}))
            return
        if move == "tick":
            clock.take_steps(account.now(), account=account)
            sender.send_due(account.now(), account=account)
            return
        if move == "policy":
            policy = policies.default_for(account)
            steps = list(policies.DEFAULT)
            policies.edit(policy, [*steps, policies.Step(50, "follow_up")] if number % 2 else steps)
            return
        if move in ("opt out", "answer"):
            self.say(move, number)
            return
        self.change(move, number, today)

    def say(self, move: str, number: int) -> None:
        debtor = self.one(Debtor.objects.for_account(self.account), number)
        if debtor and move == "answer":
            debtors.note_answer(self.account, debtor.pk, make.STAFF)
        elif debtor:
            debtors.opt_out(self.account, debtor.pk, make.STAFF)

    def change(self, move: str, number: int, today: dt.date) -> None:
        account = self.account
        if move in ("acknowledge", "resolve"):
            case = self.one(Escalation.objects.for_account(account).exclude(status="resolved"), number)
            if case:
                how = cases.CaseChange(status="acknowledged")
                if move == "resolve":
                    choice = ["hold", "promise", "ladder", "write_off"][number % 4]
                    promised = today + dt.timedelta(days=5) if choice == "promise" else None
                    how = cases.CaseChange(status="resolved", resolution=choice, promised_on=promised)
                cases.change(account, case.pk, make.STAFF, how)
            return
        invoices = Invoice.objects.for_account(account)
        invoice = self.one(invoices if move == "reverse" else invoices.filter(status__in=OPEN), number)
        if invoice is None:
            return
        pk = invoice.pk
        if move == "pay":
            lifecycle.change(account, pk, make.API, status="paid")
        elif move == "pay part":
            lifecycle.record_payment(account, pk, make.API, amount=Decimal(number % 30_000 + 1))
        elif move == "reverse":
            payment = Payment.objects.filter(invoice=invoice, reversal_of=None, reversal__isnull=True).first()
            if payment:
                lifecycle.reverse_payment(account, pk, payment.pk, make.API)
        elif move == "dispute":
            lifecycle.change(account, pk, make.API, status="disputed")
        elif move == "hold":
            until = today + dt.timedelta(days=number % 45)
            lifecycle.change(account, pk, make.API, status="on_hold", hold_until=until)
        elif move == "resume":
            if invoice.status in (Status.ON_HOLD, Status.DISPUTED):
                lifecycle.change(account, pk, make.API, status="overdue")
        elif move == "promise":
            lifecycle.promise(account, pk, make.STAFF, today + dt.timedelta(days=number % 14))
        elif move == "move":
            lifecycle.move_due_date(account, pk, make.STAFF, invoice.due_date + dt.timedelta(days=number % 24 - 8))
        elif move == "close":
            lifecycle.change(account, pk, make.STAFF, status=["cancelled", "written_off"][number % 2])

    @staticmethod
    def one(rows: Any, number: int) -> Any:
        found = list(rows.order_by("pk" if rows.model is not Invoice else "invoice_number"))
        return found[number % len(found)] if found else None


class _Nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.django_db
@settings(PROVED, max_examples=10)
@given(story=STORIES, zone=st.sampled_from(["Asia/Dubai", "America/New_York", "Pacific/Auckland"]))
def test_any_history_keeps_the_promises_of_the_ladder(story: Story, zone: str) -> None:
    with transaction.atomic():
        teller = Teller(zone)
        teller.tell([("arrive", 5), ("create", 8), *story, ("weeks", 8), ("weeks", 8)])
        history.check(teller.account)
        transaction.set_rollback(True)
