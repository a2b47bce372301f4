"""What would be sent, to whom, when and on which channel, as things stand now; or why not."""

import datetime as dt
from typing import Any

from communications import planner
from communications.models import Communication, Kind, Medium, State
from inflow.accounts.models import Account
from invoices.models import Invoice, Status


def forecast(account: Account, days: int) -> list[dict[str, Any]]:
    """The next `days` days of an account, soonest first: what is planned, and what will be if nothing changes."""
    horizon = account.now() + dt.timedelta(days=days)
    planned = Communication.objects.for_account(account).filter(status=State.SCHEDULED, scheduled_for__lte=horizon)
    entries = [
        _entry(row.invoice, row.scheduled_for, row.kind, row.channel, row.step)
        for row in planned.select_related("invoice")
    ]
    coming = (
        Invoice.objects.for_account(account)
        .filter(status=Status.NEW, due_date__lte=horizon.astimezone(account.zone).date())
        .exclude(communications__isnull=False)
        .select_related("debtor")
    )
    for invoice in coming:
        invoice.account = account
        moment = planner.first_moment(invoice)
        if moment <= horizon:
            entries.append(_entry(invoice, moment, Kind.REMINDER, Medium.EMAIL, planner.FIRST_STEP_DAYS))
    return sorted(entries, key=lambda entry: (entry["scheduled_for"], str(entry["invoice_id"])))


def _entry(invoice: Invoice, at: dt.datetime, kind: str, channel: str, step: int | None) -> dict[str, Any]:
    reason = None
    if not invoice.debtor_email:
        reason = "no_contact"
    elif invoice.status in (Status.ON_HOLD, Status.DISPUTED):
        reason = invoice.status
    return {
        "invoice_id": invoice.pk,
        "invoice_number": invoice.invoice_number,
        "scheduled_for": at,
        "channel": channel,
        "step": step,
        "kind": kind,
        "recipient": invoice.debtor_email or None,
        "suppressed_reason": reason,
    }
