"""Credit that pays open invoices by itself, in accounts that have switched it on (`PaymentSettings.applies_credit`)."""

import uuid
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices import credits
from invoices.debtors import debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import Debtor, PaymentSettings
from invoices.signals import credit_changed
from invoices.writing import changing_all


@receiver(credit_changed)
def apply_new_credit(
    sender: object, debtor: Debtor, actor: Actor, except_for: Collection[uuid.UUID], **kwargs: Any
) -> None:
    apply(debtor.account, debtor, actor, except_for=except_for)


def apply(account: Account, debtor: Debtor, actor: Actor, *, except_for: Collection[uuid.UUID] = ()) -> bool:
    """Pay each party's open undisputed invoices from its credit, the oldest due first, if the account wants that.

    The caller holds the debtor's lock. Return True if an invoice was paid.
    """
    if not is_on(account):
        return False
    debtor.account = account
    paid = [
        _apply(account, party, currency, amount, actor, except_for)
        for party in debtor_parties.of(debtor)
        for currency, amount in sorted(credits.credit_of_party(party).items())
    ]
    return any(paid)


def is_on(account: Account) -> bool:
    """Return True if the account wants credit to pay open invoices by itself."""
    return bool(_settings(account=account.pk))


def _apply(
    account: Account,
    party: DebtorParty,
    currency: str,
    credit: Decimal,
    actor: Actor,
    except_for: Collection[uuid.UUID],
) -> bool:
    parts = {
        invoice.pk: part for invoice, part in credits.propose(party, credit, currency, except_for=except_for) if part
    }
    if not parts:
        return False
    with changing_all(account, parts, actor, debtor_id=party.debtor.pk, applies_credit=False) as drafts:
        sources = credits.lock(account, party, currency)
        for invoice_id, draft in drafts.items():
            draft.spend(sources, parts[invoice_id], key=uuid.uuid4())
            left = sum((source.unallocated for source in sources), Decimal(0))
            draft.note("credit_applied_automatically", parts[invoice_id], credit=left)
    return True


@compiled
def _settings(*, account: uuid.UUID) -> QuerySet[PaymentSettings, Any]:
    return PaymentSettings.objects.filter(account=account, applies_credit=True).values("pk")
