"""Rules that choose the policy of an invoice.

A rule matches by tag, country, currency and amount. The first matching rule applies, so their order counts.
"""

import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet

from communications.models import PolicyRule
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices import workdays
from invoices.models import Debtor, Invoice, InvoiceQuerySet


class Rule(NamedTuple):
    """The values of a `PolicyRule`."""

    policy_id: int
    tag: str
    country: str
    currency: str
    min_amount: Decimal | None
    max_amount: Decimal | None

    def matches(self, invoice: Invoice) -> bool:
        """Return True if the invoice meets every condition. Both ends of the range of amounts are included."""
        debtor = invoice.debtor
        if self.currency and self.currency != invoice.currency:
            return False
        if self.tag and self.tag not in invoice.tags and self.tag not in debtor.tags:
            return False
        if self.min_amount is not None and invoice.amount < self.min_amount:
            return False
        if self.max_amount is not None and invoice.amount > self.max_amount:
            return False
        return not self.country or self.country == workdays.country_of(debtor, invoice.account, invoice.debtor_phone)


_VALUES = Rule._fields


def of(account: Account) -> list[Rule]:
    """Return the account's rules, in order."""
    return [Rule(**row) for row in _rules(account=account.pk)]


@compiled
def _rules(*, account: uuid.UUID) -> QuerySet[PolicyRule, dict[str, Any]]:
    ordered = PolicyRule.objects.filter(account=account).order_by("position", "id")
    rules: QuerySet[PolicyRule, Any] = ordered.values(*_VALUES)
    return rules


def choose(rules: Sequence[Rule], invoice: Invoice) -> int | None:
    """Return the policy of the first rule that the invoice matches, or None."""
    return next((rule.policy_id for rule in rules if rule.matches(invoice)), None)


_READ = ("amount", "currency", "tags", "debtor_phone", "debtor_id")
_READ_OF_DEBTOR = ("tags", "country", "subdivision", "phone")


def matches(account: Account, invoices: InvoiceQuerySet, rules: Sequence[Rule]) -> list[tuple[uuid.UUID, int | None]]:
    """Return the ids of these invoices, each with the place of the first rule that it matches, or None."""
    return list(_matches(account, invoices, rules))


def _matches(
    account: Account, invoices: InvoiceQuerySet, rules: Sequence[Rule]
) -> Iterator[tuple[uuid.UUID, int | None]]:
    names = ("pk", *_READ, *(f"debtor__{name}" for name in _READ_OF_DEBTOR))
    for pk, *values in invoices.order_by().values_list(*names).iterator():
        own = dict(zip(_READ, values, strict=False))
        debtor = Debtor(pk=own["debtor_id"], **dict(zip(_READ_OF_DEBTOR, values[len(_READ) :], strict=True)))
        invoice = Invoice(pk=pk, account=account, debtor=debtor, **own)
        yield pk, next((place for place, rule in enumerate(rules) if rule.matches(invoice)), None)
