"""Rescheduling all that is planned for a debtor, in the transaction in which a fact of the debtor changes.

An answer, a payment, a message that is sent, or a level 2 escalation of one invoice concerns the messages about all of
them. The facts are read once for the debtor, not once for each invoice.
"""

import datetime as dt
import operator
import uuid
from collections.abc import Collection

from django.db.models import Q

from communications import caps, holding, ladder, policies
from communications.models import PENDING, Communication
from inflow.accounts.models import Account
from invoices.models import OPEN, Debtor, Invoice

_ORDER = [f"invoice__{name}" for name in holding.IN_ORDER]


def replan_debtor(
    account: Account, debtor: Debtor, *, but: Collection[uuid.UUID] = (), before: dt.datetime | None = None
) -> None:
    """Reschedule the messages about the debtor's invoices, under the debtor's lock. The caller sees to the invoices
    `but` itself. With `before`, leave out the invoices about which nothing would go by then."""
    planned: dict[uuid.UUID, list[Communication]] = {}
    pending = Communication.objects.filter(debtor=debtor, status__in=PENDING).exclude(invoice__in=but)
    for row in pending.order_by(*_ORDER, "kind", "try_number"):
        planned.setdefault(row.invoice_id, []).append(row)
    due = Q(status__in=OPEN) if before is None else Q(status__in=OPEN, next_contact_at__lt=before)
    concerned = Invoice.objects.filter(Q(pk__in=planned) | due, debtor=debtor).exclude(pk__in=but)
    locked = list(concerned.select_for_update(no_key=True).order_by("id"))
    policies.look_once(locked)
    facts = None
    for invoice in sorted(locked, key=operator.attrgetter(*holding.IN_ORDER)):
        invoice.account, invoice.debtor = account, debtor
        rows, level = planned.get(invoice.pk, []), invoice.escalation_level
        for row in rows:
            row.invoice = invoice
        facts = facts or ladder.facts_of(invoice)
        ladder.replan(invoice, rows, facts)
        if invoice.escalation_level != level:
            facts = None


def contacts_changed(account: Account, debtor: Debtor, *, but: Collection[uuid.UUID] = ()) -> None:
    """The debtor was contacted, or a contact turned out to be none: the limits allow other moments."""
    until = account.now() + caps.reach(ladder.rules_of(account))
    replan_debtor(account, debtor, but=but, before=until)
