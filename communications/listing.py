"""The invoices that one message may name: those of one party, and only those that were given its recipient."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from communications import addresses
from communications.models import Communication
from inflow.accounts.models import Account
from invoices import debtor_parties
from invoices.models import Debtor, Invoice


def together(account: Account, rows: Sequence[Communication]) -> list[Communication]:
    """Return the rows of one debtor that go as one message with the first: to the same recipient, of the same party."""
    first = rows[0]
    alike = debtor_parties.groups(account, {row.invoice.party for row in rows})[first.invoice.party]
    return [row for row in rows if row.recipient == first.recipient and row.invoice.party in alike]


def named(account: Account, row: Communication, invoices: Iterable[Invoice]) -> list[Invoice]:
    """Return those of the debtor's `invoices` that a message may name besides its own."""
    invoices = list(invoices)
    alike = debtor_parties.groups(account, {row.invoice.party, *(each.party for each in invoices)})[row.invoice.party]
    recipient = row.recipient or addresses.given(row.invoice, row.channel)
    return [
        invoice for invoice in invoices if invoice.party in alike and addresses.given(invoice, row.channel) == recipient
    ]


def credit_for(debtor: Debtor, credit: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """Return the credit that a message may count: none if the debtor has several parties, whose money is not told
    apart."""
    return credit if not credit or len(debtor_parties.of(debtor)) == 1 else {}
