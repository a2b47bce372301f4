"""Scheduling of new invoices that are registered together. The facts of all of their debtors are read at once."""

import uuid
from collections.abc import Sequence

from communications.models import Communication
from communications.schedule import ladder, limits, reading
from communications.schedule.facts import Facts, Given
from inflow.accounts.models import Account
from inflow.sql import Batch
from invoices.models import Invoice


class Arrivals:
    """New invoices of an account, which `enter` schedules one after the other."""

    def __init__(self, account: Account, invoices: Sequence[Invoice], batch: Batch) -> None:
        self._batch, self._entered = batch, set[uuid.UUID]()
        self._facts = _facts_of_all(account, invoices) if len(invoices) > 1 else {}

    def enter(self, invoice: Invoice) -> None:
        """Schedule an invoice that the batch holds."""
        facts = self._facts.pop(invoice.pk, None)
        if invoice.debtor_id in self._entered and (facts is None or facts.depends_on_invoices):
            self._batch.flush()
            facts = None
        self._entered.add(invoice.debtor_id)
        if ladder.enter(invoice, self._batch, facts or ladder.facts_of(invoice)):
            # A step was taken. It may have opened a case, which holds back the debtor's other messages.
            self._facts = {pk: each for pk, each in self._facts.items() if each.debtor.pk != invoice.debtor_id}


def _facts_of_all(account: Account, invoices: Sequence[Invoice]) -> dict[uuid.UUID, Facts]:
    """Return the facts for each of these invoices, by its id."""
    rules, now = ladder.rules_of(account), account.now()
    read = reading.read_all(account, now, [(invoice.debtor, invoice) for invoice in invoices])
    contacts = limits.contacts_of_all({invoice.debtor_id for invoice in invoices}, now, rules)
    found, probes = {}, dict[tuple[int, str], Communication]()
    for invoice, each in zip(invoices, read, strict=True):
        given = Given(each, contacts.get(invoice.debtor_id, []))
        found[invoice.pk] = Facts(account, invoice.debtor, rules, invoice=invoice, given=given)
        found[invoice.pk].probes = probes
    return found
