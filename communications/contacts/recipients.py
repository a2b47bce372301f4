"""Recipients of a message: the contact of its invoice, the further ones that the invoice was given, and the debtor's.

Only those who receive this kind of message, and whose address is valid, has not opted out and, for WhatsApp, has
agreed. Each address is written to once.
"""

from collections.abc import Sequence

from communications.contacts import addresses, further
from communications.contacts.further import Entry, Recipient
from invoices.debtors import contacts as invoice_contacts
from invoices.debtors.contacts import Corrections
from invoices.models import Invoice


def of(
    invoice: Invoice,
    kind: str,
    channel: str,
    *,
    corrections: Corrections | None = None,
    entries: Sequence[Entry] | None = None,
) -> list[Recipient]:
    """Return the recipients of messages of this kind about the invoice, the main one first.

    `corrections` and `entries` are the corrections and contacts of the debtor, if the caller has read them.
    """
    corrections = invoice_contacts.corrections_of(invoice.debtor) if corrections is None else corrections
    entries = further.of(invoice.debtor_id) if entries is None else entries
    checked = addresses.check(invoice, channel, kind, corrections, further=entries)
    found = [recipient for recipient, problem in checked if not problem]
    if len(entries) == 0 or all(each.language for each in found):
        return found
    # The main recipient may be a contact of the debtor, who has a language.
    known = further.of_debtor(invoice, entries, "", addresses.kind_of(channel))
    return [each._replace(language=each.language or known.get(each.address, each).language) for each in found]
