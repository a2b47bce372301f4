"""What would be sent, to whom, when and on which channel, as things stand now; or why not."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from communications import addresses, ladder, policies
from communications.models import Communication, PolicyStep, State, StepKind
from inflow.accounts.models import Account
from invoices import escalations
from invoices.models import OPEN, CaseStatus, Escalation, Invoice, Status

_DAY = dt.timedelta(days=1)


def forecast(account: Account, days: int) -> list[dict[str, Any]]:
    """The next `days` days of an account, soonest first: what is planned, and what will be if nothing changes.

    Caps are a debtor's and depend on what else is sent: they are looked at when a message is planned, not here."""
    horizon = account.now() + dt.timedelta(days=days)
    planned = Communication.objects.for_account(account).filter(status=State.SCHEDULED)
    rows = {row.invoice_id: row for row in planned.select_related("invoice__debtor")}
    rules, entries = ladder.rules_of(account), []
    stopped = Escalation.objects.for_account(account).filter(level=escalations.HIGHEST)
    stopped_debtors = set(stopped.exclude(status=CaseStatus.RESOLVED).values_list("invoice__debtor_id", flat=True))
    chased = Invoice.objects.for_account(account).filter(status__in=OPEN, is_chased=True).select_related("debtor")
    contacts = addresses.contacts_of(account)
    invoices = list(chased)
    policies.look_once(invoices)
    for invoice in invoices:
        invoice.account = account
        steps = policies.steps_of(invoice)
        row = rows.get(invoice.pk)
        for step, at in _walk(invoice, steps, row, rules):
            if at > horizon:
                break
            entries.append(_entry(invoice, step, at, contacts, invoice.debtor_id in stopped_debtors))
    return sorted(entries, key=lambda entry: (entry["scheduled_for"], str(entry["invoice_id"])))


def _walk(
    invoice: Invoice, steps: list[PolicyStep], row: Communication | None, rules: Any
) -> Iterator[tuple[PolicyStep, dt.datetime]]:
    """The steps still to be taken and when, by the ladder's own rules; the invoice is only moved in memory."""
    account, place = invoice.account, ladder.place(invoice, rules)
    moment = account.now()
    if invoice.hold_until:
        moment = max(moment, ladder.beginning(account, invoice.hold_until + _DAY))
    while step := ladder.next_step(invoice, steps, moment.astimezone(account.zone).date()):
        begins = max(moment, ladder.first_moment(invoice, step))
        if row and ladder.is_for(row, invoice, step):
            at = row.scheduled_for
        else:
            at = begins if step.kind == StepKind.NONE else place.next_opening(begins)
        on = at.astimezone(account.zone).date()
        if step.offset_days >= 0 or on < invoice.due_date:
            if step.kind != StepKind.NONE:
                yield step, at
            late = (on - ladder.on_paper(invoice, step)).days
            invoice.slip_days += late if late > ladder.TOLERATED_DAYS else 0
            moment = max(moment, at)
        invoice.last_step = step.offset_days


def _entry(
    invoice: Invoice, step: PolicyStep, at: dt.datetime, contacts: addresses.Contacts, is_stopped: bool
) -> dict[str, Any]:
    chosen = addresses.choose(invoice, step.channels, contacts)
    reason = chosen.missing or None
    if invoice.debtor.opted_out_at:
        reason = "opted_out"
    elif invoice.status == Status.DISPUTED:
        reason = reason or "disputed"
    elif is_stopped:
        reason = reason or "case"
    return {
        "invoice_id": invoice.pk,
        "invoice_number": invoice.invoice_number,
        "scheduled_for": at,
        "channel": chosen.channel,
        "step": step.offset_days,
        "kind": step.kind,
        "recipient": chosen.address or None,
        "suppressed_reason": reason,
    }
