"""What `invoices` announces, inside the transaction of the change. A receiver that raises undoes the change.

`invoice_created`: invoice, actor.
`facts_changed`: invoice, actor, is_new; whatever moved that the ladder may care about, before the invoice's row is
written and the rest announced.
`invoice_changed`: invoice, actor, previous_status, previous_payment_status; only when one of the two moved.
`payment_recorded`: invoice, payment, actor; a reversal too.
`escalation_created`, `escalation_resolved`: escalation. `promise_made`, `promise_broken`: promise.
`debtor_changed`: debtor; an answer was handled, or the debtor wishes to hear from us again.
"""

from django.dispatch import Signal

invoice_created = Signal(use_caching=True)
facts_changed = Signal(use_caching=True)
invoice_changed = Signal(use_caching=True)
payment_recorded = Signal(use_caching=True)
escalation_created = Signal(use_caching=True)
escalation_resolved = Signal(use_caching=True)
promise_made = Signal(use_caching=True)
promise_broken = Signal(use_caching=True)
debtor_changed = Signal(use_caching=True)
