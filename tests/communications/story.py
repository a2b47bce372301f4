"""A random history of an account that stands on its own clock, told move by move."""

import datetime as dt
import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from hypothesis import strategies as st

from communications import channels
from communications.channels import Refusal
from communications.delivery import manual, sender, status_updates
from communications.delivery.status_updates import StatusUpdate
from communications.engine import clock
from communications.models import CollectionSettings, Communication, Copy, State
from communications.schedule import policies
from inflow.accounts.models import Account
from invoices import disputes, ledger, lifecycle
from invoices.cases import cases
from invoices.debtors import debtors
from invoices.models import OPEN, Contact, Debtor, Dispute, Escalation, Invoice, Receipt, Status
from tests import make
from tests.api.client import PLENTY
from tests.communications import handing_over
from tests.communications.handing_over import Refusing

BEGIN = dt.datetime(2026, 1, 5, 6, 30, tzinfo=dt.UTC)
PASSING = ("minutes", "hours", "days", "weeks")
MOVES = [
    "create",
    "arrive",
    "pay",
    "pay part",
    "pay more",
    "credit",
    "void",
    "repost",
    "reverse",
    "dispute",
    "contest",
    "contest",
    "settle",
    "hold",
    "resume",
    "promise",
    "move",
    "close",
]
MOVES += ["opt out", "opt in", "answer", "handle", "acknowledge", "resolve", "escalate", "policy", "chase", "stop"]
MOVES += ["join", "contact", "phone", "bounce", "bounce", "deliver", "relay", "relay", "repair", "write", "courtesies"]
MOVES += ["tick", "ticks", "miss", "minutes", "hours", "days", "days", "weeks"]
PHONE, OTHER_PHONE = "+971501234567", "+971507654321"
# Companies that share mailboxes and phones; one is spelled in two ways.
COMPANIES = ("Gulf Trading LLC", "Gulf Trading L.L.C.", "Gulf Trading FZE", "Oryx LLC")
# The kinds of messages that a contact receives. Empty: all.
RECEIVES: tuple[list[str], ...] = ([], [], ["final_notice"], ["reminder", "manual"])
REFUSALS = (Refusal.OURS, Refusal.OURS, Refusal.MAILBOX, Refusal.ADDRESS, None)
Story = list[tuple[str, int]]
STORIES = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 10_000)), min_size=5, max_size=16)
ZONES = st.sampled_from(["Asia/Dubai", "America/New_York", "Pacific/Auckland"])
# Opens, closes, hours between two contacts, most in seven days.
Rules = tuple[int, int, int, int]
RULES = st.sampled_from([(9, 18, 72, 2), (9, 18, 72, 2), (22, 2, 72, 2), (8, 12, 24, 3), (9, 18, 1, 1)])
# The steps that an edited policy has besides the default ones, or has otherwise.
EDITED: list[Sequence[policies.Step]] = [
    policies.DEFAULT,
    [*policies.DEFAULT, policies.Step(50, "follow_up")],
    sorted([*policies.DEFAULT, policies.Step(10, "reminder")], key=lambda step: step.offset_days),
    [policies.Step(7, "reminder") if step.offset_days == 7 else step for step in policies.DEFAULT],
    [step for step in policies.DEFAULT if step.offset_days >= 0],
]


class Teller:
    """Tells a story to an account; what the rules refuse is simply not done. Two who tell the same story make the same
    moves, whatever the ids."""

    def __init__(
        self,
        zone: str = "Asia/Dubai",
        rules: Rules = (9, 18, 72, 2),
        *,
        leap: Callable[[Account, dt.datetime], Any] = clock.set_clock,
    ) -> None:
        self.account = make.account(time_zone=zone, is_test=True, requests_per_minute=PLENTY, requests_per_day=PLENTY)
        opens, closes, between, most = rules
        CollectionSettings.objects.create(
            account=self.account,
            opens_at=dt.time(opens),
            closes_at=dt.time(closes),
            hours_between=between,
            most_in_7_days=most,
            says_thanks=True,
            recalls_promises=True,
        )
        self.leap = leap
        self.leap(self.account, BEGIN)
        self.numbers = itertools.count(1)

    def tell(self, story: Story) -> None:
        for move, number in story:
            self.make_move(move, number)

    def make_move(self, move: str, number: int) -> None:
        self.account = Account.objects.get(pk=self.account.pk)
        try:
            if move in PASSING:
                self.leap(self.account, self.account.now() + dt.timedelta(**{move: number % 9 + 1}))
            else:
                with transaction.atomic():
                    self._play(move, number)
        except lifecycle.Refused:
            pass

    def _play(self, move: str, number: int) -> None:
        account, today = self.account, self.account.today()
        if move in ("create", "arrive"):
            late = -(number % 40) - 1 if move == "arrive" else number % 40
            due = today + dt.timedelta(days=late)
            invoice = make.invoice(
                account,
                invoice_number=f"N{next(self.numbers):04}",
                due_date=due,
                issue_date=due - dt.timedelta(days=30),
                debtor_company=COMPANIES[number % len(COMPANIES)],
                debtor_email=f"debtor{number % 3}@example.com" if number % 7 else "",
                debtor_phone=PHONE if number % 3 == 0 else OTHER_PHONE if number % 3 == 1 else "",
                currency="USD" if number % 5 == 0 else "AED",
                amount_paid=100 if number % 11 == 0 else 0,
            )
            self._give_contacts(invoice, number)
        elif move in ("tick", "ticks"):
            for _ in range(1 if move == "tick" else 3):
                look(account)
        elif move == "miss":  # nobody looks for a while
            Account.objects.filter(pk=account.pk).update(clock=account.now() + dt.timedelta(hours=number % 200))
        elif move == "policy":
            policies.edit(policies.default_for(account), EDITED[number % len(EDITED)])
        elif move == "stop":
            CollectionSettings.objects.filter(account=account).update(is_stopped=number % 3 == 0)
        elif move in ("opt out", "opt in", "answer", "handle"):
            self._hear(move, number)
        elif move == "join":
            self._join(number)
        elif move in ("contact", "phone"):
            self._replace_contact(move, number)
        elif move in ("bounce", "deliver"):
            self._report(move, number)
        elif move in ("relay", "repair"):
            self._refuse(move, number)
        elif move == "write":
            self._write(number)
        elif move == "courtesies":
            rules = CollectionSettings.objects.filter(account=account)
            rules.update(says_thanks=bool(number % 3), recalls_promises=bool(number % 2))
        elif move in ("acknowledge", "resolve"):
            self._work(move, number, today)
        else:
            self._change(move, number, today)

    def _give_contacts(self, invoice: Invoice, number: int) -> None:
        """The invoice names more people than one, and so does its debtor."""
        if number % 4 == 0:
            named = [
                {"email": invoice.debtor_email, "phone": invoice.debtor_phone, "language": "ar" if number % 8 else ""},
                {"email": f"Contact{number % 3}@example.com", "receives": RECEIVES[number % len(RECEIVES)]},
            ]
            Invoice.objects.filter(pk=invoice.pk).update(contacts=named)
        if number % 5 == 0 and invoice.debtor.contacts.count() < 3:
            where = {"email": f"other{number % 4}@example.com", "phone": PHONE if number % 2 else ""}
            kinds, position = RECEIVES[number % len(RECEIVES)], invoice.debtor.contacts.count()
            Contact.objects.create(
                account=self.account, debtor=invoice.debtor, position=position, receives=kinds, **where
            )

    def _hear(self, move: str, number: int) -> None:
        verbs: dict[str, Callable[..., Debtor]] = {
            "opt out": debtors.opt_out,
            "opt in": debtors.opt_in,
            "answer": debtors.record_reply,
            "handle": debtors.mark_reply_handled,
        }
        debtor = _one(
            Debtor.objects.for_account(self.account).order_by("email", "phone", "company", "created_at"), number
        )
        for _ in range(number % 3 + 1 if debtor and move == "answer" else bool(debtor)):
            verbs[move](self.account, debtor.pk, make.STAFF)

    def _join(self, number: int) -> None:
        """A silent invoice becomes another debtor's, as a mailbox alone joined two parties before."""
        silent = Invoice.objects.for_account(self.account).filter(
            communications=None, receipts=None, allocations=None, escalations=None
        )
        invoice = _one(silent.order_by("invoice_number"), number)
        debtor = _one(self._debtors(), number // 7)
        if invoice and debtor:
            Invoice.objects.filter(pk=invoice.pk).update(debtor=debtor)

    def _replace_contact(self, move: str, number: int) -> None:
        debtor = _one(self._debtors(), number)
        if debtor:
            debtor = Debtor.objects.select_for_update(no_key=True).get(pk=debtor.pk)
            before = Debtor.objects.get(pk=debtor.pk)
            debtor.account = before.account = self.account
            if move == "contact":
                debtor.email = f"debtor{number % 4}@example.net"
            else:
                debtor.phone = (PHONE, OTHER_PHONE, "+971509999999")[number % 3]
            debtor.save()
            debtors.record_edit(before, debtor, make.STAFF)

    def _report(self, move: str, number: int) -> None:
        """The provider tells of a message that left, joint ones first."""
        sent = Communication.objects.for_account(self.account).filter(status=State.SENT)
        rows = list(sent.order_by("-sent_at", "invoice__invoice_number", "-try_number", "kind"))
        count = Counter(row.message_id for row in rows)
        rows = [row for row in rows if count[row.message_id] > 1] or rows
        row = _one(rows[:5], number)
        if row is None:
            return
        kind = (Refusal.ADDRESS, Refusal.MAILBOX, Refusal.OURS, Refusal.MAILBOX, Refusal.OPTED_OUT)[number % 5]
        state = State.BOUNCED if move == "bounce" else State.DELIVERED
        copies = Copy.objects.filter(message_id=row.message_id).order_by("position").values_list("pk", flat=True)
        # All copies have the same fate, or only some.
        reported = list(copies)[number % 2 :: number % 3 % 2 + 1] if row.has_copies else [row.message_id]
        for pk in reported:
            known_as = channels.mail_id(pk)  # it was captured, and has no id there
            if row.has_copies:
                Copy.objects.filter(pk=pk).update(provider_id=known_as)
            else:
                Communication.objects.filter(message_id=pk).update(provider_id=known_as)
            status_updates.apply(self.account, row.channel, StatusUpdate(known_as, state, pk, "reported", kind))

    def _refuse(self, move: str, number: int) -> None:
        refusing = None
        if move == "relay":
            until = self.account.now() + dt.timedelta(hours=number % 150 + 1)
            length = number % 3 if number % 3 < 2 else None
            refusing = Refusing(REFUSALS[number % len(REFUSALS)], until, length)
        handing_over.refuse(self.account, refusing)

    def _write(self, number: int) -> None:
        """A person writes, and sees it leave or wait."""
        invoices = Invoice.objects.for_account(self.account).order_by("invoice_number")
        invoice = _one(invoices, number)
        if invoice is None:
            return
        kind = ("manual", "manual", "thank_you", "promise_followup")[number % 4]
        words = ("A word", "Please pay {{ balance }} of {{ invoice_number }}.") if kind == "manual" else ("", "")
        request = manual.MessageRequest(kind, "email", "en", *words)
        seen = manual.preview(self.account, invoice.pk, make.STAFF, request)
        manual.send(self.account, invoice.pk, make.STAFF, request, key=uuid.uuid4(), digest=seen.digest)

    def _debtors(self) -> Any:
        return Debtor.objects.for_account(self.account).order_by("email", "phone", "company", "created_at")

    def _work(self, move: str, number: int, today: dt.date) -> None:
        unresolved = Escalation.objects.for_account(self.account).exclude(status="resolved")
        case = _one(unresolved.order_by("invoice__invoice_number", "level"), number)
        if case is None:
            return
        how = cases.CaseChange(status="acknowledged")
        if move == "resolve":
            choice = ["hold", "promise", "ladder", "write_off"][number % 4]
            promised = today + dt.timedelta(days=5) if choice == "promise" else None
            how = cases.CaseChange(status="resolved", resolution=choice, promised_on=promised)
        cases.change(self.account, case.pk, make.STAFF, how)

    def _change(self, move: str, number: int, today: dt.date) -> None:
        account = self.account
        invoices = Invoice.objects.for_account(account).order_by("invoice_number")
        invoice = _one(invoices if move in ("reverse", "void", "repost") else invoices.filter(status__in=OPEN), number)
        if invoice is None:
            return
        pk = invoice.pk
        if move == "pay":
            lifecycle.change(account, pk, make.API, status="paid")
        elif move == "pay part":
            lifecycle.record_payment(account, pk, make.API, amount=Decimal(number % 30_000 + 1))
        elif move == "pay more":
            amount = invoice.balance + number % 20_000
            lifecycle.record_payment(account, pk, make.API, amount=amount, reference=f"TT{number % 5}")
        elif move == "credit":
            ledger.apply_credit(account, pk, make.STAFF, key=uuid.uuid4())
        elif move in ("reverse", "void"):
            standing = Receipt.objects.filter(posted_on=invoice, status="standing")
            if receipt := standing.order_by("created_at").first():
                if move == "void":
                    ledger.void_payment(account, receipt.pk, make.STAFF)
                else:
                    lifecycle.reverse_payment(account, pk, receipt.pk, make.API)
        elif move == "repost":
            undone = Receipt.objects.filter(posted_on=invoice).exclude(status="standing")
            if receipt := undone.order_by("created_at").first():
                lifecycle.record_payment(
                    account, pk, make.API, amount=receipt.amount, paid_at=receipt.paid_at, reference=receipt.reference
                )
        elif move == "dispute":
            lifecycle.change(account, pk, make.API, status="disputed")
        elif move == "contest":
            part = invoice.balance * (number % 4 + 1) / 5
            if dispute := Dispute.objects.filter(invoice=invoice, status="open").first():
                own = {"reason_id": None, "owner": None, "answer_by": None}
                disputes.revise(account, dispute.pk, make.STAFF, amount=part.quantize(1), **own)
            else:
                disputes.open_dispute(account, pk, make.STAFF, amount=part.quantize(1))
        elif move == "settle":
            if dispute := Dispute.objects.filter(invoice=invoice, status="open").first():
                if number % 3 == 0:
                    disputes.reject(account, dispute.pk, make.STAFF, answer="It was delivered.")
                elif number % 3 == 1:
                    disputes.withdraw(account, dispute.pk, make.STAFF)
                else:
                    values = {"number": str(uuid.uuid4()), "amount": dispute.amount or invoice.balance}
                    disputes.resolve_by_credit_note(account, dispute.pk, make.STAFF, **values)
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
        elif move == "escalate":
            cases.open_manually(account, pk, make.STAFF, level=number % 2 + 1)
        elif move == "chase":
            everything = Invoice.objects.for_account(account)
            policies.switch_on(account, everything, None, make.STAFF, overdue_enter=bool(number % 3))


def look(account: Account) -> None:
    """One tick of the scheduler, of an account that stands on its own clock."""
    now = account.now()
    lifecycle.age_due(now, account=account)
    clock.take_steps(now, account=account)
    sender.send_due(now, account=account)


def _one(rows: Any, number: int) -> Any:
    found = list(rows)
    return found[number % len(found)] if found else None
