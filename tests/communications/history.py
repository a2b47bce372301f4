"""What must hold after any history of an account that stands on its own clock."""

import datetime as dt
import itertools
import re
import uuid
from collections import Counter, defaultdict
from decimal import Decimal

from communications.models import CONTACTED, LEFT_US, Communication, Copy, Kind, State
from communications.schedule import ladder, limits, policies
from inflow.accounts.models import Account
from invoices import derivation, ledger, lifecycle
from invoices.models import (
    OPEN,
    Allocation,
    CaseStatus,
    Contact,
    Dispute,
    Escalation,
    Invoice,
    Payment,
    Promise,
    Receipt,
    Reversal,
    TimelineEntry,
)
from invoices.models.identities import ContactCorrection
from tests import make
from tests.api.client import caller
from tests.communications import at_gate, handing_over

WEEK = dt.timedelta(hours=168)
# What an invoice was told of when its own turn was changed: then its steps may lie closer.
MOVED = ("due_date", "is_chased")


def check(account: Account, *, in_turn: bool = True) -> None:
    """`in_turn`: one thing happened after the other, so that the timeline tells their order."""
    handing_over.check()
    account.refresh_from_db()
    invoices = list(Invoice.objects.for_account(account).select_related("account", "debtor"))
    for invoice in invoices:
        _is_derived(invoice)
        _has_a_next(invoice)
        _escalated_in_order(invoice)
        _climbed_in_order(invoice)
        _was_owed_at_its_gate(invoice)
        if in_turn:
            _was_written_to_only_while_chased(invoice)
            _was_let_alone_after_an_undoing(invoice)
    _overdue_is_what_it_is(account, invoices)
    _kept_caps(account)
    _named_only_their_own(account)
    _wrote_to_their_own_addresses(account)
    _wrote_to_each_once(account)
    _balances(account)
    _was_let_alone(account)
    _told_once(account)


def told(account: Account) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What came of a story, whatever the ids: its messages and its cases."""
    rows = Communication.objects.for_account(account).filter(sent_at__isnull=False).order_by("sent_at")
    messages = rows.values_list("sent_at", "invoice__invoice_number", "round", "step", "kind", "status", "subject")
    cases = Escalation.objects.for_account(account).order_by("opened_at")
    opened = cases.values_list("opened_at", "invoice__invoice_number", "round", "level", "reason", "status")
    return sorted(messages), sorted(opened)


def _is_derived(invoice: Invoice) -> None:
    assert (invoice.status, invoice.payment_status) == derivation.derive(invoice), invoice
    assert invoice.amount_paid == sum(invoice.allocations.values_list("amount", flat=True)), invoice
    assert lifecycle.count_underived(invoice.account) == ledger.count_unbalanced(invoice.account) == 0


def _has_a_next(invoice: Invoice) -> None:
    """No silence without end: a next step, a hold with a date, or a person."""
    if not invoice.is_open:
        assert invoice.next_contact_at is None
        assert not Communication.objects.filter(invoice=invoice, status__in=("scheduled", "sending")).exists()
        assert not Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED).exists()
        return
    has_person = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED).exists()
    assert has_person == (invoice.escalation_level > 0), invoice
    # A level 2 stops the messages about all of the debtor's invoices; who opted out has no next contact.
    in_hand = Invoice.objects.filter(debtor=invoice.debtor_id, status__in=OPEN, escalation_level=2).exists()
    is_let_alone = in_hand or invoice.debtor.opted_out_at
    if invoice.is_chased:
        assert invoice.next_contact_at or invoice.hold_until or has_person or is_let_alone, invoice
        waits = Communication.objects.filter(invoice=invoice, status__in=("scheduled", "held"), step__isnull=False)
        assert invoice.next_check_at or waits.exists() or has_person, f"{invoice} is forgotten"
    for moment in (invoice.next_contact_at, invoice.next_check_at):
        if moment:
            assert moment > invoice.account.now(), f"{invoice} has slept through its step"


def _escalated_in_order(invoice: Invoice) -> None:
    """Level 1 first, and one case of a level at a time."""
    for round_ in range(invoice.round + 1):
        rows = Escalation.objects.filter(invoice=invoice, round=round_).order_by("created_at")
        levels = [row.level for row in rows]
        assert not levels or levels[0] == 1, (invoice, levels)
        for level in (1, 2):
            for earlier, later in itertools.pairwise(row for row in rows if row.level == level):
                assert earlier.resolved_at, invoice
                assert earlier.resolved_at <= later.opened_at, invoice


def _climbed_in_order(invoice: Invoice) -> None:
    """Each step at most once, in order, at its distance, none skipped, the final notice after a reminder."""
    steps_taken = Communication.objects.filter(invoice=invoice, status__in=CONTACTED, step__isnull=False)
    rows = list(steps_taken.order_by("sent_at"))
    seen: dict[int, list[Communication]] = defaultdict(list)
    for row in rows:
        assert row.status != State.SENDING
        seen[row.round].append(row)
    entries = TimelineEntry.objects.filter(invoice=invoice)
    was_moved = any(name in entry.after for entry in entries for name in MOVED)
    for round_, sent in seen.items():
        steps = [row.step for row in sent if row.step is not None]
        assert steps == sorted(set(steps)), (invoice, steps)
        for earlier, later in itertools.pairwise(sent):
            assert was_moved or _days_between(earlier, later) >= _distance(earlier, later), (invoice, earlier, later)
        if any(row.kind == Kind.FINAL_NOTICE for row in sent):
            before = Communication.objects.filter(invoice=invoice, round=round_, kind__in=("reminder", "follow_up"))
            assert before.exclude(status__in=("scheduled", "cancelled")).exists()
        if round_ == invoice.round and steps:
            _skipped_none(invoice, set(steps))


def _days_between(earlier: Communication, later: Communication) -> int:
    assert earlier.sent_at
    assert later.sent_at
    zone = earlier.account.zone
    return (later.sent_at.astimezone(zone).date() - earlier.sent_at.astimezone(zone).date()).days


def _distance(earlier: Communication, later: Communication) -> int:
    """The least number of days from one step to another: three are tolerated."""
    assert earlier.step is not None
    assert later.step is not None
    if earlier.step < 0:
        return 1
    return later.step - earlier.step - ladder.TOLERATED_DAYS


def _skipped_none(invoice: Invoice, steps: set[int]) -> None:
    rows = Communication.objects.filter(invoice=invoice, round=invoice.round)
    taken = steps | set(rows.filter(status__in=("suppressed", "failed", "bounced")).values_list("step", flat=True))
    due = {step.offset_days for step in policies.DEFAULT if 0 < step.offset_days <= max(steps) and step.kind != "none"}
    assert due <= taken, (invoice, due - taken)


def _was_owed_at_its_gate(invoice: Invoice) -> None:
    """By the wall: a message says what the ledger said when it passed its gate, and that was more than zero."""
    lines = list(Allocation.objects.filter(invoice=invoice).values_list("created_at", "amount"))
    for row in Communication.objects.filter(invoice=invoice, claimed_at__isnull=False).exclude(kind=Kind.THANK_YOU):
        paid = sum(amount for at, amount in lines if row.claimed_at and at < row.claimed_at)
        assert paid < invoice.amount, f"{invoice}: a message after the payment"
        assert row.amount == invoice.amount - paid


def _was_written_to_only_while_chased(invoice: Invoice) -> None:
    """By the timeline: never on hold, wholly disputed or closed."""
    status, has_part = "new", False
    for entry in TimelineEntry.objects.filter(invoice=invoice).order_by("id"):
        status = entry.after.get("status", status)
        said = entry.params.get("message", "")
        if entry.kind in ("dispute_opened", "dispute_revised"):
            has_part = "amount" in entry.params
        if entry.kind == "sent" and said not in (Kind.THANK_YOU, Kind.PROMISE_FOLLOWUP, Kind.MANUAL):
            assert status in ("new", "overdue") or (status == "disputed" and has_part), (invoice, status)
        elif entry.kind == "sent":
            assert (status == "paid") == (said == Kind.THANK_YOU), (invoice, status)


def _was_let_alone_after_an_undoing(invoice: Invoice) -> None:
    """Assert that nothing was sent about an invoice between an undone payment and the next working day's opening."""
    if ContactCorrection.objects.filter(debtor=invoice.debtor_id, kind="phone").exists():
        return  # it may have been another day where they were taken to be; the gate's own check remains
    undone = TimelineEntry.objects.filter(invoice=invoice, kind__in=("payment_voided", "payment_reversed"))
    zone = ladder.place(invoice, ladder.rules_of(invoice.account)).zone
    for row in Communication.objects.filter(invoice=invoice, sent_at__isnull=False).exclude(kind=Kind.THANK_YOU):
        for entry in undone:
            day = entry.at.astimezone(zone).date()
            assert row.sent_at
            assert row.sent_at <= entry.at or row.sent_at.astimezone(zone).date() > day, (invoice, row)


def _overdue_is_what_it_is(account: Account, invoices: list[Invoice]) -> None:
    today = account.today()
    api = caller(account)
    shown = {row["id"] for row in api.get("invoices?status=overdue&limit=100").json}
    by_hand = {
        str(invoice.pk)
        for invoice in invoices
        if invoice.due_date < today
        and invoice.amount_paid < invoice.amount
        and not (invoice.cancelled_at or invoice.written_off_at or invoice.disputed_at or invoice.hold_until)
    }
    assert shown == by_hand
    wide = {row["id"] for row in api.get("invoices?is_overdue=true&limit=100").json}
    assert wide == {str(invoice.pk) for invoice in invoices if invoice.status in OPEN and invoice.due_date < today}


def _kept_caps(account: Account) -> None:
    """By debtor, over all its invoices, a payment being a contact."""
    rows = Communication.objects.for_account(account).filter(status__in=CONTACTED)
    heard: dict[uuid.UUID, dict[uuid.UUID, dt.datetime]] = defaultdict(dict)
    by_person: set[uuid.UUID] = set()
    rules = ladder.rules_of(account)
    between = dt.timedelta(hours=rules.hours_between)
    for row in rows:
        assert row.sent_at
        if row.kind not in limits.UNCOUNTED:
            heard[row.debtor_id][row.message_id] = row.sent_at
        if row.kind in limits.NOT_LIMITED:
            by_person.add(row.message_id)
    for debtor_id, messages in heard.items():
        paid = Receipt.objects.filter(debtor_id=debtor_id, status="standing", recorded_at__lte=account.now()).exclude(
            method="opening"
        )
        for message_id, moment in messages.items():
            if message_id in by_person:
                continue
            others = [*messages.values(), *paid.values_list("recorded_at", flat=True)]
            before = [other for other in others if other < moment]
            assert all(moment - other >= between for other in before), (debtor_id, moment)
            assert sum(moment - other < WEEK for other in before) < rules.most_in_7_days, (debtor_id, moment)


def _named_only_their_own(account: Account) -> None:
    """No message names an invoice of another party or debtor, nor the other's company."""
    invoices = list(Invoice.objects.for_account(account))
    rows = Communication.objects.for_account(account).filter(claimed_at__isnull=False).select_related("invoice")
    for message_id, of_one in itertools.groupby(rows.order_by("message_id"), lambda row: row.message_id):
        together = list(of_one)
        first = together[0]
        assert len({(row.recipient, row.debtor_id) for row in together}) == 1, message_id
        keys = {row.invoice.party for row in together}
        assert len(keys) == 1, (message_id, keys)
        texts = [first, *Copy.objects.filter(message_id=message_id)]
        said = _without_links(" ".join(f"{each.subject} {each.body} {each.html}" for each in texts))
        for invoice in invoices:
            if invoice.party not in keys or invoice.debtor_id != first.debtor_id:
                assert not re.search(rf"\b{invoice.invoice_number}\b", said), message_id
            if invoice.party not in keys:
                assert invoice.debtor_company not in said, message_id


def _wrote_to_their_own_addresses(account: Account) -> None:
    """To what an invoice of the debtor and party was given, what staff replaced it by, or the debtor's contacts."""
    rows = Communication.objects.for_account(account).filter(sent_at__isnull=False).select_related("invoice__debtor")
    for row in rows:
        theirs = Invoice.objects.filter(debtor=row.debtor_id, party=row.invoice.party)
        given = {address for pair in theirs.values_list("debtor_email", "debtor_phone") for address in pair}
        replaced = set(ContactCorrection.objects.filter(debtor=row.debtor_id).values_list("new", flat=True))
        named = at_gate.addresses_of(row.invoice.contacts)
        others = at_gate.addresses_of(Contact.objects.filter(debtor=row.debtor_id).values())
        if not at_gate.has_name(row.invoice):
            others = set()
        assert row.recipient in given | replaced | named | others, row
        for copy in Copy.objects.filter(message_id=row.message_id):
            assert copy.recipient in given | replaced | named | others, (row, copy)


def _wrote_to_each_once(account: Account) -> None:
    """No address got the same step twice, and each copy has a result."""
    reached = Counter[object]()
    for row in Communication.objects.for_account(account).filter(sent_at__isnull=False):
        to = [(row.recipient, row.status)]
        if row.has_copies:
            to = list(Copy.objects.filter(message_id=row.message_id).values_list("recipient", "status"))
            assert to
        step = row.step if row.step is not None else row.pk
        reached.update((row.invoice_id, row.round, step, row.kind, each) for each, status in to if status in CONTACTED)
    assert not reached or max(reached.values()) == 1, reached.most_common(1)
    assert not Copy.objects.for_account(account).filter(status="sending").exists()


def _balances(account: Account) -> None:
    """Per debtor and currency: what is allocated and what is credit is what came in and stands."""
    sums: dict[tuple[uuid.UUID, str], Decimal] = defaultdict(Decimal)
    for receipt in Receipt.objects.for_account(account):
        assert receipt.unallocated >= 0, receipt
        stands = receipt.status == "standing"
        sums[receipt.debtor_id, receipt.currency] += receipt.unallocated - (receipt.amount if stands else 0)
    for line in Allocation.objects.filter(receipt__account=account).select_related("receipt"):
        sums[line.receipt.debtor_id, line.receipt.currency] += line.amount
    assert not any(sums.values()), sums


def _without_links(text: str) -> str:
    return re.sub(r"https?://\S+", "", text)


def _was_let_alone(account: Account) -> None:
    """Who opted out, and who is a person's own case, is not written to."""
    rows = Communication.objects.for_account(account).filter(status__in=CONTACTED)
    rows = rows.exclude(approved_by__gt="", step=None)
    for row in rows.filter(debtor__opted_out_at__isnull=False).select_related("debtor"):
        assert row.sent_at
        assert row.debtor.opted_out_at
        assert row.sent_at <= row.debtor.opted_out_at, row
    for case in Escalation.objects.for_account(account).filter(level=2).select_related("invoice"):
        during = rows.filter(debtor=case.invoice.debtor_id, sent_at__gt=case.opened_at)
        assert not during.filter(sent_at__lt=case.resolved_at or account.now()).exists(), case


_STATUSES = ["status", "payment_status"]


def _told_once(account: Account) -> None:
    """One event for each thing that is announced."""
    events = Counter(make.events_of(account))
    rows = Communication.objects.for_account(account)
    changes = [
        entry
        for entry in TimelineEntry.objects.for_account(account)
        if {"status", "payment_status"} & {name for name in entry.after if entry.kind in ("status_changed", "changed")}
    ]
    others = TimelineEntry.objects.for_account(account).filter(kind="changed").exclude(after__has_any_keys=_STATUSES)
    assert events == Counter(
        {
            name: count
            for name, count in {
                "invoice.created": Invoice.objects.for_account(account).count(),
                "invoice.status_changed": len(changes),
                "payment.recorded": Payment.objects.for_account(account)
                .exclude(method="opening", reversal_of=None)
                .count(),
                "escalation.created": Escalation.objects.for_account(account).count(),
                "payment.reversed": Reversal.objects.for_account(account).count(),
                "invoice.amended": sum("due_date" in entry.after for entry in (*changes, *others)),
                "dispute.opened": Dispute.objects.for_account(account).count(),
                "dispute.resolved": Dispute.objects.for_account(account).filter(status="resolved").count(),
                "promise.broken": Promise.objects.for_account(account).filter(status="broken").count(),
                "communication.sent": rows.filter(status__in=LEFT_US).count(),
                "communication.failed": rows.filter(status__in=(State.FAILED, State.UNKNOWN, State.BOUNCED)).count(),
            }.items()
            if count
        }
    )
