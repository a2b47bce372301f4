"""What `invoices` announces, inside the transaction of the change. A receiver that raises undoes the change.

`invoice_created`: invoice, actor.
`invoice_changed`: invoice, actor, previous_status, previous_payment_status; only when one of the two moved.
`payment_recorded`: invoice, payment, actor; a reversal too.
"""

from django.dispatch import Signal

invoice_created = Signal()
invoice_changed = Signal()
payment_recorded = Signal()
