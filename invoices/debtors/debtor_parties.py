"""Parties of a debtor: the different names on its invoices.

A debtor usually has one. Debtors that were once found by a mailbox alone may have several; each has its own messages,
page and statements, and never sees the invoices of another.
"""

from collections.abc import Collection
from dataclasses import dataclass

from inflow.accounts.models import Account
from invoices.debtors import parties
from invoices.models import Debtor, Invoice, InvoiceQuerySet
from invoices.models.identities import DebtorIdentity


@dataclass(frozen=True, slots=True)
class DebtorParty:
    """One party of a debtor: the party keys and the name of its invoices. `is_only` if the debtor has no other."""

    debtor: Debtor
    keys: frozenset[str]
    is_only: bool
    name: str
    company: str

    @property
    def invoices(self) -> InvoiceQuerySet:
        theirs = Invoice.objects.filter(debtor=self.debtor)
        return theirs if self.is_only else theirs.filter(party__in=self.keys)

    @property
    def own_keys(self) -> Collection[str] | None:
        """Return the keys to filter by; None if the debtor has no other party."""
        return None if self.is_only else self.keys

    def owns(self, invoice: Invoice) -> bool:
        """Return True if the invoice, one of the debtor's, is this party's."""
        return self.is_only or invoice.party in self.keys

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name


def whole(debtor: Debtor) -> DebtorParty:
    """Return the whole debtor as one party. Only the account's staff may see it; debtors see their own party."""
    return DebtorParty(debtor, frozenset(), True, debtor.name, debtor.company)


def known_forms(account: Account, base: str) -> set[str]:
    """Return the legal forms in which the account's identities have this base name."""
    identities = DebtorIdentity.objects.for_account(account).filter(base=base).exclude(form="")
    return set(identities.order_by().values_list("form", flat=True).distinct())


def groups(account: Account, keys: Collection[str]) -> dict[str, frozenset[str]]:
    """Map each of the party keys to all of them that are the same party in this account."""
    if len(set(keys)) == 1:
        return {key: frozenset(keys) for key in keys}
    return parties.groups(keys, {base: known_forms(account, base) for base in parties.are_ambiguous(keys)})


def keys_like(invoice: Invoice) -> frozenset[str]:
    """Return the keys of the invoice's party, among those of the debtor's invoices."""
    return of_invoice(invoice).keys


def of_invoice(invoice: Invoice) -> DebtorParty:
    theirs = Invoice.objects.filter(debtor=invoice.debtor_id).order_by().values_list("party", flat=True).distinct()
    found = groups(invoice.account, {*theirs, invoice.party})
    is_only = len(set(found.values())) == 1
    return DebtorParty(invoice.debtor, found[invoice.party], is_only, invoice.debtor_name, invoice.debtor_company)


def have_one_in_common(one: Debtor, other: Debtor) -> bool:
    """Return True if invoices of both debtors name the same party."""
    both = [
        set(Invoice.objects.filter(debtor=each).order_by().values_list("party", flat=True).distinct())
        for each in (one, other)
    ]
    found = groups(other.account, {*both[0], *both[1]}) if all(both) else {}
    return any(found[key] & both[1] for key in both[0] if found)


def is_of_party(invoice: Invoice, party: str) -> bool:
    """Return True if a contact or correction of this party of the debtor is meant for the invoice.

    Those of a merged debtor have the key of its party. The others have none, and belong to the party that the debtor is
    named after, or to its only party.
    """
    debtor = invoice.debtor
    own = party or parties.of(debtor.name, debtor.company).key
    theirs = Invoice.objects.filter(debtor=debtor.pk).order_by().values_list("party", flat=True).distinct()
    keys = {invoice.party, *theirs}
    found = groups(invoice.account, {own, *keys})
    is_only = len({found[key] for key in keys}) == 1
    return (is_only and not party) or invoice.party in found[own]


def of(debtor: Debtor) -> list[DebtorParty]:
    """Return the parties of a debtor, ordered by key. A debtor without invoices has one party."""
    keys = set(Invoice.objects.filter(debtor=debtor).order_by().values_list("party", flat=True).distinct())
    found = sorted(set(groups(debtor.account, keys).values()), key=min)
    if len(found) < 2:
        return [DebtorParty(debtor, frozenset(keys), True, debtor.name, debtor.company)]
    return [_named(debtor, each) for each in found]


def _named(debtor: Debtor, keys: frozenset[str]) -> DebtorParty:
    newest = Invoice.objects.filter(debtor=debtor, party__in=keys).order_by("-created_at", "-invoice_number")
    name, company = newest.values_list("debtor_name", "debtor_company")[0]
    return DebtorParty(debtor, keys, False, name, company)


def has_debtors_name(party: DebtorParty) -> bool:
    """Return True if the party is the one that the debtor itself is called after."""
    if party.is_only:
        return True
    debtor = party.debtor
    name = parties.of(debtor.name, debtor.company).key
    theirs = Invoice.objects.filter(debtor=debtor).order_by().values_list("party", flat=True).distinct()
    return bool(groups(debtor.account, {*theirs, name})[name] & party.keys)
