"""The invoices that one message may name: those of one party, and only those that were given its recipient."""

from collections.abc import Iterable, Sequence

from communications.contacts import addresses
from communications.models import Communication
from inflow.accounts.models import Account
from invoices.debtors import debtor_parties
from invoices.models import Invoice


def combinable(account: Account, rows: Sequence[Communication]) -> list[Communication]:
    """Return the rows of one debtor that go as one message with the first: to the same recipient, of the same party."""
    first = rows[0]
    alike = debtor_parties.groups(account, {row.invoice.party for row in rows})[first.invoice.party]
    return [row for row in rows if row.recipient == first.recipient and row.invoice.party in alike]


def listed(account: Account, row: Communication, invoices: Iterable[Invoice]) -> list[Invoice]:
    """Return those of the debtor's `invoices` that the message `row` may name besides its own."""
    return listed_with(account, row.invoice, row.channel, row.recipient, invoices)


def listed_with(
    account: Account, invoice: Invoice, channel: str, recipient: str, invoices: Iterable[Invoice]
) -> list[Invoice]:
    """Return those of the debtor's `invoices` that a message about `invoice` may name besides it."""
    invoices = list(invoices)
    alike = debtor_parties.groups(account, {invoice.party, *(each.party for each in invoices)})[invoice.party]
    recipient = recipient or addresses.invoice_address(invoice, channel)
    return [each for each in invoices if each.party in alike and addresses.invoice_address(each, channel) == recipient]
