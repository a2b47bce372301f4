"""Calls to debtors that staff log."""

import uuid

from communications.models import CallLog, CallOutcome, CallStatus, CallTask
from communications.schedule import ladder, replanning
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import account_scope
from invoices import timeline
from invoices.debtors import aliases
from invoices.errors import NotFound
from invoices.models import OPEN, Debtor, Invoice
from invoices.writing import lock


def log(
    account: Account,
    actor: Actor,
    *,
    outcome: str,
    note: str = "",
    invoice_id: uuid.UUID | None = None,
    debtor_id: uuid.UUID | None = None,
) -> CallLog:
    """Log a call about one invoice, or about all open invoices of a debtor. Their steps that asked for a call are done.

    A call in which somebody was reached counts as a contact. Raise `NotFound`.
    """
    with account_scope(account):
        debtor = lock(account, invoice_id).debtor if invoice_id else _locked(account, debtor_id)
        concerned = Invoice.objects.filter(debtor=debtor)
        concerned = concerned.filter(pk=invoice_id) if invoice_id else concerned.filter(status__in=OPEN)
        invoices = list(concerned.select_for_update(no_key=True).order_by("id"))
        for invoice in invoices:
            invoice.account, invoice.debtor = account, debtor
        call = CallLog.objects.create(
            account=account,
            debtor=debtor,
            invoice_id=invoice_id,
            outcome=outcome,
            note=note,
            at=account.now(),
            author=actor.name,
        )
        asked = CallTask.objects.filter(invoice__in=invoices, status=CallStatus.OPEN)
        steps = {(task.invoice_id, task.round): task.step for task in asked}
        asked.update(status=CallStatus.DONE, call=call)
        for invoice in invoices:
            timeline.note(invoice, "call_logged", actor, reason=note, outcome=outcome)
            if (invoice.pk, invoice.round) in steps:
                ladder.advance(invoice)
        if outcome == CallOutcome.REACHED:
            replanning.contacts_changed(account, debtor)
    return call


def _locked(account: Account, debtor_id: uuid.UUID | None) -> Debtor:
    if debtor_id is None:
        raise NotFound
    try:
        return aliases.lock(account, debtor_id)
    except Debtor.DoesNotExist as error:
        raise NotFound from error
