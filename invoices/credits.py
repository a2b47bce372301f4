"""Queries of unapplied credit: the unallocated parts of receipts and credit notes."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from decimal import Decimal

from django.db.models import Max, Q, Sum

from inflow.accounts.models import Account
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import AccountQuerySet, Credit, CreditNote, Debtor, Invoice, Receipt, Status
from invoices.receipts import Source


def credit_of(debtor_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Decimal]]:
    """Return the credit by debtor and currency. Debtors without credit are left out."""
    rows = Credit.objects.filter(debtor__in=debtor_ids).order_by()
    credit: dict[uuid.UUID, dict[str, Decimal]] = {}
    for debtor, currency, total in rows.values_list("debtor_id", "currency").annotate(total=Sum("unallocated")):
        credit.setdefault(debtor, {})[currency] = total
    return credit


def unapplied() -> AccountQuerySet:
    """Return the credit of all debtors, one row for each receipt or credit note that has some."""
    return Credit.objects.all()


def unapplied_of(party: DebtorParty) -> AccountQuerySet:
    """Return the credit of this party alone: what was recorded on its own invoices, what it brought by a merge, and, if
    the party has the debtor's own name, what was recorded on no invoice."""
    theirs = unapplied().filter(debtor=party.debtor)
    if party.is_only:
        return theirs
    own = Q(invoice__debtor=party.debtor, invoice__party__in=party.keys) | Q(party__in=party.keys)
    if debtor_parties.has_debtors_name(party):
        own |= Q(party="") & (Q(invoice=None) | ~Q(invoice__debtor=party.debtor))
    return theirs.filter(own)


def credit_of_party(party: DebtorParty) -> dict[str, Decimal]:
    """Return the party's own credit, by currency."""
    return dict(unapplied_of(party).order_by().values_list("currency").annotate(total=Sum("unallocated")))


def credit_for(invoice: Invoice) -> dict[str, Decimal]:
    """Return the credit of the party that an invoice names, by currency."""
    credit = credit_of([invoice.debtor_id]).get(invoice.debtor_id, {})
    if not credit:
        return {}
    party = debtor_parties.of_invoice(invoice)
    return credit if party.is_only else credit_of_party(party)


def credited_at(party: DebtorParty) -> dt.datetime | None:
    """Return when the party's present credit was last added to, by the account's time."""
    newest: dt.datetime | None = unapplied_of(party).aggregate(at=Max("recorded_at"))["at"]
    return newest


def lock(account: Account, party: DebtorParty, currency: str) -> list[Source]:
    """Lock and return the receipts and credit notes that have credit of the party, the oldest first."""
    rows = unapplied_of(party).filter(account=account, currency=currency).order_by()
    ids = set(rows.values_list("pk", flat=True))
    found: list[Source] = []
    for model in (Receipt, CreditNote):
        locked = model.objects.filter(pk__in=ids, unallocated__gt=0).select_for_update(no_key=True)
        found += locked.order_by("id")
    return sorted(found, key=lambda each: (each.day, each.recorded_at, each.created_at, each.pk))


def propose(
    whose: DebtorParty | Debtor, amount: Decimal, currency: str, *, except_for: Collection[uuid.UUID] = ()
) -> list[tuple[Invoice, Decimal]]:
    """Return how an amount would pay the open invoices of a party or a debtor, the oldest due date first.

    Disputed invoices are left out, and so are those for which nothing is left. What remains is credit.
    """
    party = whose if isinstance(whose, DebtorParty) else debtor_parties.whole(whose)
    invoices = party.invoices.open().filter(currency=currency).exclude(status=Status.DISPUTED)
    proposed = []
    for invoice in invoices.exclude(pk__in=except_for).order_by("due_date", "issue_date", "invoice_number").iterator():
        if amount <= 0:
            break
        part = min(amount, invoice.balance)
        proposed.append((invoice, part))
        amount -= part
    return proposed
