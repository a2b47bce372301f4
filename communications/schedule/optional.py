"""Optional messages: a thank-you after full payment, and a reminder on the day before a promised payment.

Both are off by default. The functions run in the caller's transaction, under the locks of the debtor and the invoice.
"""

import datetime as dt

from communications.contacts import addresses
from communications.models import Communication, Kind, State
from communications.schedule import holding, ladder, one_off, policies
from inflow.accounts.actors import CLOCK
from invoices import timeline
from invoices.models import Invoice, Promise, Status

# A thank-you that was held back for longer than this is not sent.
THANK_YOU_WITHIN = dt.timedelta(days=7)
_NOT_SENT = (State.SUPPRESSED, State.CANCELLED, State.FAILED)


def plan_thank_you(invoice: Invoice) -> None:
    """Plan a thank-you, once, for an invoice that was just paid in full."""
    rules = ladder.rules_of(invoice.account)
    if not rules.says_thanks or invoice.status != Status.PAID:
        return
    existing = Communication.objects.filter(invoice=invoice, kind=Kind.THANK_YOU).exclude(status__in=_NOT_SENT)
    if not existing.exists():
        _plan(invoice, Kind.THANK_YOU, invoice.account.now())


def is_late(row: Communication, now: dt.datetime) -> bool:
    """Return True if an automatic thank-you is too long after the payment."""
    paid_at = row.invoice.covered_at
    return not one_off.is_by_person(row) and paid_at is not None and now - paid_at > THANK_YOU_WITHIN


def plan_promise_reminder(promise: Promise) -> None:
    """Plan a reminder on the day before the promised day, within the contact hours.

    A newer promise moves the message. A promise for tomorrow or earlier needs no reminder.
    """
    invoice = promise.invoice
    if not ladder.rules_of(invoice.account).recalls_promises:
        return
    automatic = Communication.objects.filter(invoice=invoice, kind=Kind.PROMISE_FOLLOWUP, step=None, approved_by="")
    planned = automatic.filter(status=State.SCHEDULED).first()
    day = promise.promised_on - dt.timedelta(days=1)
    if day <= invoice.account.today():
        if planned:
            planned.invoice = invoice
            ladder.cancel(planned, "promised_anew")
        return
    begins = holding.beginning(invoice.account, day)
    if planned is None:
        _plan(invoice, Kind.PROMISE_FOLLOWUP, begins)
    else:
        planned.not_before = begins
        planned.save(update_fields=["not_before"])
        ladder.reschedule(ladder.facts_of(invoice), invoice, planned)


def _plan(invoice: Invoice, kind: Kind, begins: dt.datetime) -> None:
    chosen = addresses.choose(invoice, policies.ALL_CHANNELS, kind=kind)
    if chosen.missing:
        return
    row = Communication(
        account=invoice.account,
        debtor_id=invoice.debtor_id,
        invoice=invoice,
        round=invoice.round,
        kind=kind,
        channel=chosen.channel,
        recipient=chosen.address,
        language=invoice.debtor.language or invoice.language,
        not_before=begins,
    )
    verdict = holding.first_allowed(ladder.facts_of(invoice), invoice, row, begins)
    row.scheduled_for, row.waits_for = verdict.moment, verdict.reason
    row.save(force_insert=True)
    zone = ladder.place(invoice, ladder.rules_of(invoice.account)).zone.key
    timeline.note(invoice, "planned", CLOCK, message=kind, moment=row.scheduled_for, zone=zone)
