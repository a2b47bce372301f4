"""Payment online: where a debtor is sent to pay an invoice, and how much is still to be paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from communications.portal import account as page
from communications.portal.texts import PageText
from invoices import money, payment_links
from invoices.debtors.debtor_parties import DebtorParty
from invoices.models import Invoice, Status


@dataclass(frozen=True, slots=True)
class Payment:
    """The provider's address for an invoice, or the sentence that says why it can't be paid."""

    url: str = ""
    sentence: str = ""


def resolve(party: DebtorParty, invoice: Invoice, text: PageText) -> Payment | None:
    """Return where to pay the invoice now, or None if it can't be paid online."""
    if invoice.status == Status.PAID or (invoice.is_open and invoice.balance <= 0):
        return Payment(sentence=text.pay_paid)
    if invoice.status == Status.CANCELLED:
        return Payment(sentence=text.pay_cancelled)
    if invoice.status == Status.WRITTEN_OFF:
        return Payment(sentence=text.pay_closed)
    if invoice.is_wholly_disputed:
        return Payment(sentence=text.pay_disputed)
    amount = net(party, page.open_invoices(party), invoice)
    if not amount:
        return Payment(sentence=text.pay_covered)
    url = payment_links.url_for(invoice, amount, payment_links.settings_of(party.debtor.account).payment_url_pattern)
    return Payment(url) if url else None


def net(party: DebtorParty, owed: Sequence[Invoice], invoice: Invoice) -> Decimal:
    """Return the undisputed balance of an invoice less its share of the party's credit.

    Credit pays the undisputed invoices of its currency, oldest due date first, as it does when it is applied. So the
    share does not depend on which invoice is paid first.
    """
    position = page.positions(party, owed).get(invoice.currency)
    credit = position.credit if position else Decimal(0)
    for each in owed:  # the oldest due date first
        if each.currency != invoice.currency or each.is_wholly_disputed:
            continue
        share = min(credit, each.undisputed_balance)
        if each.pk == invoice.pk:
            return money.quantize(each.undisputed_balance - share, each.currency)
        credit -= share
    return money.quantize(invoice.balance, invoice.currency)
