"""The parties that the invoices of one debtor name.

Usually one. Debtors that were found by a mailbox alone may have several: each gets messages, a page and statements of
its own, and never sees the invoices of another.
"""

from collections.abc import Collection
from dataclasses import dataclass

from inflow.accounts.models import Account
from invoices.debtors import parties
from invoices.models import Debtor, Invoice, InvoiceQuerySet
from invoices.models.identities import DebtorIdentity


@dataclass(frozen=True, slots=True)
class DebtorParty:
    """One party of a debtor: the keys that its invoices have, and the name they give. `is_only`: there is no other."""

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
        """Return whether one of the debtor's invoices is this party's."""
        return self.is_only or invoice.party in self.keys

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name


def whole(debtor: Debtor) -> DebtorParty:
    """Return all of a debtor, for its own account: to debtors each party is shown by itself."""
    return DebtorParty(debtor, frozenset(), True, debtor.name, debtor.company)


def known_forms(account: Account, base: str) -> set[str]:
    """Return the legal forms with which the account knows a name."""
    known = DebtorIdentity.objects.for_account(account).filter(base=base).exclude(form="")
    return set(known.order_by().values_list("form", flat=True).distinct())


def groups(account: Account, keys: Collection[str]) -> dict[str, frozenset[str]]:
    """For each party key of a debtor's invoices, all of those keys that are the same party in this account."""
    if len(set(keys)) == 1:
        return {key: frozenset(keys) for key in keys}
    return parties.groups(keys, {base: known_forms(account, base) for base in parties.are_ambiguous(keys)})


def keys_like(invoice: Invoice) -> frozenset[str]:
    """Return the party keys, among those of the debtor's invoices, that are the same party as this invoice's."""
    return of_invoice(invoice).keys


def of_invoice(invoice: Invoice) -> DebtorParty:
    """Return the party that an invoice names."""
    theirs = Invoice.objects.filter(debtor=invoice.debtor_id).order_by().values_list("party", flat=True).distinct()
    found = groups(invoice.account, {*theirs, invoice.party})
    is_only = len(set(found.values())) == 1
    return DebtorParty(invoice.debtor, found[invoice.party], is_only, invoice.debtor_name, invoice.debtor_company)


def of(debtor: Debtor) -> list[DebtorParty]:
    """Return the parties of a debtor, in the order of their keys; one without invoices if the debtor has none."""
    keys = set(Invoice.objects.filter(debtor=debtor).order_by().values_list("party", flat=True).distinct())
    found = sorted(set(groups(debtor.account, keys).values()), key=min)
    if len(found) < 2:
        return [DebtorParty(debtor, frozenset(keys), True, debtor.name, debtor.company)]
    return [_named(debtor, each) for each in found]


def _named(debtor: Debtor, keys: frozenset[str]) -> DebtorParty:
    newest = Invoice.objects.filter(debtor=debtor, party__in=keys).order_by("-created_at", "-invoice_number")
    name, company = newest.values_list("debtor_name", "debtor_company")[0]
    return DebtorParty(debtor, keys, False, name, company)
