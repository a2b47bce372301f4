"""Signals of `invoices`, sent inside the transaction of the change. A receiver that raises undoes the change.

`invoice_created`: invoice, actor.
`facts_changed`: invoice, actor, batch, is_new; facts changed that the schedule may depend on. The invoice's row is not
written yet: receivers put what they write about it into the batch.
`invoice_changed`: invoice, actor, previous_status, previous_payment_status; only when one of the two moved.
`payment_recorded`: invoice, payment, actor; a void or a reversal too, with a negative amount.
`payment_undone`: invoice; money was taken back from an invoice that is open now, before its row is written.
`escalation_created`, `escalation_resolved`: escalation. `promise_made`, `promise_reopened`, `promise_broken`: promise.
`next_contact_shown`: account; the next contacts of its invoices are about to be shown. Receivers return a function that
says of an invoice, by its id, that its next message is stopped, or None.
`debtor_changed`: debtor; an answer was handled, the debtor wishes to hear from us again, or the credit is another.
"""

from django.dispatch import Signal

invoice_created = Signal()
facts_changed = Signal()
invoice_changed = Signal()
payment_recorded = Signal()
payment_undone = Signal()
escalation_created = Signal()
escalation_resolved = Signal()
promise_made = Signal()
promise_reopened = Signal()
promise_broken = Signal()
debtor_changed = Signal()
next_contact_shown = Signal()
