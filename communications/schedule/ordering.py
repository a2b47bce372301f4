"""Sort orders of invoices and messages."""

import operator

# Sort order of otherwise equal messages or invoices, instead of their random ids.
IN_ORDER = ("due_date", "invoice_number")
in_order = operator.attrgetter(*IN_ORDER)
# Sort order of the messages due to a debtor: the highest step first, then the oldest debt.
SEND_ORDER = ("-step", *(f"invoice__{name}" for name in IN_ORDER), "kind", "try_number")
