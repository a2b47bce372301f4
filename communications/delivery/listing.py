"""The invoices that one message may mention: those of one party that have the same recipient."""

from collections.abc import Iterable, Sequence

from communications.contacts import addresses
from communications.models import Communication
from inflow.accounts.models import Account
from invoices.debtors import debtor_parties
from invoices.debtors.contacts import corrections_of
from invoices.models import Invoice


def combinable(account: Account, rows: Sequence[Communication]) -> list[Communication]:
    """Return the rows of one debtor that the first one can be combined with: same recipient, same party."""
    first = rows[0]
    alike = debtor_parties.groups(account, {row.invoice.party for row in rows})[first.invoice.party]
    return [row for row in rows if row.recipient == first.recipient and row.invoice.party in alike]


def listed(account: Account, row: Communication, invoices: Iterable[Invoice]) -> list[Invoice]:
    """Return those of the debtor's `invoices` that the message `row` may mention besides its own."""
    return listed_with(account, row.invoice, row.channel, row.recipient, invoices)


def listed_with(
    account: Account, invoice: Invoice, channel: str, recipient: str, invoices: Iterable[Invoice]
) -> list[Invoice]:
    """Return those of the debtor's `invoices` that a message about `invoice` may mention besides it."""
    invoices = list(invoices)
    alike = debtor_parties.groups(account, {invoice.party, *(each.party for each in invoices)})[invoice.party]
    corrections = corrections_of(invoice.debtor)
    recipient = recipient or addresses.invoice_address(invoice, channel, corrections)
    theirs = (each for each in invoices if each.party in alike)
    return [each for each in theirs if addresses.invoice_address(each, channel, corrections) == recipient]
