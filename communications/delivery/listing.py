"""The invoices that one message may mention: those of one party that have the same recipients."""

from collections.abc import Iterable, Sequence

from communications.contacts import addresses, further
from communications.models import Communication
from inflow.accounts.models import Account
from invoices.debtors import debtor_parties
from invoices.debtors.contacts import Replacements, corrected, corrections_of, replacements_for
from invoices.models import ContactKind, Invoice


def combinable(account: Account, rows: Sequence[Communication]) -> list[Communication]:
    """Return the rows of one debtor that the first one can be combined with: same recipients, same party.

    The contacts of the debtor are recipients of all of them.
    """
    first = rows[0]
    alike = debtor_parties.groups(account, {row.invoice.party for row in rows})[first.invoice.party]
    same = [row for row in rows if row.recipient == first.recipient and row.invoice.party in alike]
    if not any(row.invoice.contacts for row in same):
        return same
    corrections, by = corrections_of(first.invoice.debtor), addresses.kind_of(first.channel)

    def given(row: Communication) -> set[str]:
        return {first.recipient, *further.of_invoice(row.invoice, first.kind, by, corrections)}

    return [row for row in same if given(row) == given(first)]


def listed(account: Account, row: Communication, invoices: Iterable[Invoice]) -> list[Invoice]:
    """Return those of the debtor's `invoices` that the message `row` may mention besides its own."""
    return listed_with(account, row.invoice, row, invoices)


def listed_with(account: Account, invoice: Invoice, row: Communication, invoices: Iterable[Invoice]) -> list[Invoice]:
    """Return those of the debtor's `invoices` that the message `row` about `invoice` may mention besides it.

    Each of them has the recipient of the message as its own contact, and names all further ones that `invoice` names.
    """
    invoices = list(invoices)
    alike = debtor_parties.groups(account, {invoice.party, *(each.party for each in invoices)})[invoice.party]
    corrections, by = corrections_of(invoice.debtor), addresses.kind_of(row.channel)
    replacements: dict[str, Replacements] = {}

    def address_of(each: Invoice) -> str:
        if each.party not in replacements:
            replacements[each.party] = replacements_for(each, corrections)
        return corrected(
            by, each.debtor_email if by == ContactKind.EMAIL else each.debtor_phone, replacements[each.party]
        )

    own = address_of(invoice)
    recipient = (row.recipient or own) if own else ""
    named = further.of_invoice(invoice, row.kind, by, corrections).keys() - {recipient}

    def may_be_mentioned(each: Invoice) -> bool:
        if each.party not in alike or address_of(each) != recipient:
            return False
        return not named or named <= further.of_invoice(each, row.kind, by, corrections).keys()

    return [each for each in invoices if may_be_mentioned(each)]
