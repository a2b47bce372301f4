"""What must hold after any history of an account that stands on its own clock."""

import datetime as dt
import itertools
from collections import defaultdict

from communications import ladder, policies
from communications.models import CONTACTED, Communication, Kind, State
from inflow.accounts.models import Account
from invoices import derivation
from invoices.models import OPEN, CaseStatus, Escalation, Invoice, Payment, Status

BETWEEN, WEEK = dt.timedelta(hours=72), dt.timedelta(hours=168)


def check(account: Account) -> None:
    account.refresh_from_db()
    invoices = list(Invoice.objects.for_account(account).select_related("account", "debtor"))
    for invoice in invoices:
        _is_derived(invoice)
        _has_a_next(invoice)
        _escalated_in_order(invoice)
        _climbed_in_order(invoice)
    _overdue_is_what_it_is(account, invoices)
    _kept_caps_and_windows(account)


def _is_derived(invoice: Invoice) -> None:
    assert (invoice.status, invoice.payment_status) == derivation.derive(invoice), invoice
    assert invoice.amount_paid == sum(invoice.payments.values_list("amount", flat=True)), invoice


def _has_a_next(invoice: Invoice) -> None:
    """No silence without end: a next step, a hold with a date, or a person."""
    if not invoice.is_open:
        assert invoice.next_contact_at is None
        assert not Communication.objects.filter(invoice=invoice, status__in=("scheduled", "sending")).exists()
        assert not Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED).exists()
        return
    has_person = Escalation.objects.filter(invoice=invoice).exclude(status=CaseStatus.RESOLVED).exists()
    assert has_person == (invoice.escalation_level > 0), invoice
    assert invoice.next_contact_at or invoice.hold_until or has_person, invoice
    if invoice.next_contact_at:
        assert invoice.next_contact_at > invoice.account.now(), f"{invoice} has slept through its step"


def _escalated_in_order(invoice: Invoice) -> None:
    for round_ in range(invoice.round + 1):
        cases = Escalation.objects.filter(invoice=invoice, round=round_).order_by("opened_at", "created_at")
        levels = list(cases.values_list("level", flat=True))
        assert not levels or levels[0] == 1, (invoice, levels)


def _climbed_in_order(invoice: Invoice) -> None:
    """Each step at most once, in order, three days apart, none skipped, the final notice after a reminder."""
    rows = list(Communication.objects.filter(invoice=invoice, status__in=CONTACTED).order_by("sent_at"))
    seen: dict[int, list[Communication]] = defaultdict(list)
    for row in rows:
        assert row.status != State.SENDING
        seen[row.round].append(row)
    for round_, sent in seen.items():
        steps = [row.step for row in sent]
        assert steps == sorted(set(steps)), (invoice, steps)  # type: ignore[type-var]
        moments = [row.sent_at for row in sent if row.sent_at]
        assert all(later - earlier >= BETWEEN for earlier, later in itertools.pairwise(moments))
        if any(row.kind == Kind.FINAL_NOTICE for row in sent):
            before = Communication.objects.filter(invoice=invoice, round=round_, kind__in=("reminder", "follow_up"))
            assert before.exclude(status__in=("scheduled", "cancelled")).exists()
        _none_skipped(invoice, round_, {step for step in steps if step is not None})


def _none_skipped(invoice: Invoice, round_: int, steps: set[int]) -> None:
    if round_ != invoice.round or not steps:
        return
    last = max(steps)
    refused = Communication.objects.filter(invoice=invoice, round=round_, status__in=("suppressed", "failed"))
    taken = steps | set(refused.values_list("step", flat=True))
    due = {step.offset_days for step in policies.DEFAULT if 0 < step.offset_days <= last and step.kind != "none"}
    assert due <= taken, (invoice, due - taken)


def _overdue_is_what_it_is(account: Account, invoices: list[Invoice]) -> None:
    today = account.today()
    stored = {invoice.pk for invoice in Invoice.objects.for_account(account).filter(status=Status.OVERDUE)}
    by_hand = {
        invoice.pk
        for invoice in invoices
        if invoice.due_date < today
        and invoice.amount_paid < invoice.amount
        and not (invoice.cancelled_at or invoice.written_off_at or invoice.disputed_at or invoice.hold_until)
    }
    assert stored == by_hand
    wide = {invoice.pk for invoice in Invoice.objects.for_account(account).past_due(on=today)}
    assert wide == {invoice.pk for invoice in invoices if invoice.status in OPEN and invoice.due_date < today}


def _kept_caps_and_windows(account: Account) -> None:
    """By debtor: never two contacts in three days, never three in a week, never outside of the window, and no message
    at or after the payment that closed its invoice."""
    rows = Communication.objects.for_account(account).filter(status__in=CONTACTED).select_related("invoice__debtor")
    heard: dict[object, dict[object, dt.datetime]] = defaultdict(dict)
    rules = ladder.rules_of(account)
    for row in rows:
        assert row.sent_at
        row.invoice.account = account
        heard[row.debtor_id][row.message_id] = row.sent_at
        place = ladder.place(row.invoice, rules)
        assert place.next_opening(row.sent_at) == row.sent_at, row
        assert row.amount
        assert row.amount > 0
    for debtor_id, messages in heard.items():
        paid = Payment.objects.filter(
            invoice__debtor_id=debtor_id, reversal_of=None, reversal__isnull=True, recorded_at__lte=account.now()
        ).exclude(method="opening")
        for moment in messages.values():
            others = [*messages.values(), *paid.values_list("recorded_at", flat=True)]
            before = [other for other in others if other < moment]
            assert all(moment - other >= BETWEEN for other in before), (debtor_id, moment)
            assert sum(moment - other < WEEK for other in before) < 2, (debtor_id, moment)
