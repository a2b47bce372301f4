"""What `invoices` announces, inside the transaction of the change. A receiver that raises undoes the change.

`creation_begins`: account, new; `change_begins`: account, invoice_id. Nothing has happened yet. Receivers return the
queries (`Compiled.ahead`) that they will ask, under the invoice's lock where there is one: they are asked together.
`invoice_created`: invoice, actor.
`facts_changed`: invoice, actor, is_new; whatever moved that the ladder may care about, before the invoice's row is
written and the rest announced.
`invoice_changed`: invoice, actor, previous_status, previous_payment_status; only when one of the two moved.
`payment_recorded`: invoice, payment, actor; a reversal too.
`escalation_created`, `escalation_resolved`: escalation. `promise_made`, `promise_broken`: promise.
`debtor_changed`: debtor; an answer was handled, or the debtor wishes to hear from us again.
"""

from collections.abc import Iterator
from typing import Any

from django.dispatch import Signal

from inflow.statements import Ahead

creation_begins = Signal(use_caching=True)
change_begins = Signal(use_caching=True)
invoice_created = Signal(use_caching=True)
facts_changed = Signal(use_caching=True)
invoice_changed = Signal(use_caching=True)
payment_recorded = Signal(use_caching=True)
escalation_created = Signal(use_caching=True)
escalation_resolved = Signal(use_caching=True)
promise_made = Signal(use_caching=True)
promise_broken = Signal(use_caching=True)
debtor_changed = Signal(use_caching=True)


def asked_by_all(signal: Signal, **said: object) -> Iterator[Ahead | None]:
    """What the receivers of `creation_begins` or `change_begins` will ask."""
    answers: list[tuple[Any, Any]] = signal.send(Signal, **said)
    for _, queries in answers:
        yield from queries
