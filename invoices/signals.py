"""Signals of `invoices`, sent within the transaction of the change. A receiver that raises rolls the change back.

`invoices_created`: invoices, actor. Sent once for all that were registered together.
`invoices_arriving`: account, invoices, batch. Sent before they are saved. A receiver returns a function that is called
for each invoice, in their order, once the batch holds it, and adds its changes to the batch.
`facts_changed`: invoice, actor, batch. Sent before the invoice is saved, when facts have changed on which the schedule
may depend. Receivers add their changes of the invoice to the batch.
`invoice_changed`: invoice, actor, previous_status, previous_payment_status. Sent if either status has changed.
`invoice_amended`: invoice, changes. Sent after the invoice is saved. `changes` maps names to the values before.
`invoices_moved`: invoices, previous, debtor. Sent before the invoices are saved, whose debtor is now `debtor`.
`previous` is their debtor before, or None if a merge is undone.
`payment_recorded`: account, invoice, payment, actor. Also sent for a void or a reversal, with a negative amount. The
invoice is the oldest that it pays or paid, or None if the receipt is wholly credit.
`credit_changed`: debtor, actor, except_for. `except_for` has the ids of the invoices from which the credit was taken.
`payment_undone`: invoice. Sent before the invoice is saved, if a payment was undone and the invoice is open.
`escalation_created`, `escalation_resolved`: escalation. `promise_made`, `promise_reopened`, `promise_broken`: promise.
`dispute_opened`, `dispute_revised`, `dispute_resolved`: dispute, actor. Sent after the invoice is saved.
`next_contact_shown`: account. Sent before the next contacts of its invoices are shown. A receiver returns None, or a
function that takes an invoice's id and returns why its next message is stopped, or None.
`debtor_changed`: debtor. Sent if a reply was handled, an opt-out ended, or anything else of it has changed on which its
messages depend: contacts, credit, language, time zone, policy, never chase.
`payments_synced`: account, actor, as_of. Sent if the account's books have confirmed that all payments up to then are
recorded.
`note_added`: note, actor, mentioned. `mentioned` has the people whom the note mentions.
`import_ended`: file. Sent when an import is done or has failed.
"""

from django.dispatch import Signal

invoices_created = Signal()
invoices_arriving = Signal()
facts_changed = Signal()
invoice_changed = Signal()
invoice_amended = Signal()
invoices_moved = Signal()
payment_recorded = Signal()
payment_undone = Signal()
escalation_created = Signal()
escalation_resolved = Signal()
promise_made = Signal()
promise_reopened = Signal()
promise_broken = Signal()
dispute_opened = Signal()
dispute_revised = Signal()
dispute_resolved = Signal()
credit_changed = Signal()
debtor_changed = Signal()
next_contact_shown = Signal()
payments_synced = Signal()
note_added = Signal()
import_ended = Signal()
