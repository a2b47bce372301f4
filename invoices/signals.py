"""What `invoices` announces, inside the transaction of the change. A receiver that raises undoes the change.

`creation_begins`: account, email, which may be empty; `change_begins`: account, invoice_id. Nothing has happened yet.
Receivers return the queries (`Compiled.ahead`) that they will ask, under the invoice's lock where there is one: they
are asked together.
`invoice_created`: invoice, actor.
`facts_changed`: invoice, actor, is_new; whatever moved that the ladder may care about, before the invoice's row is
written and the rest announced.
`invoice_changed`: invoice, actor, previous_status, previous_payment_status; only when one of the two moved.
`payment_recorded`: invoice, payment, actor; a void or a reversal too, with a negative amount.
`payment_undone`: invoice; money was taken back from an invoice that is open now, before its row is written.
`escalation_created`, `escalation_resolved`: escalation. `promise_made`, `promise_reopened`, `promise_broken`: promise.
`next_contact_shown`: account; the next contacts of its invoices are about to be shown. Receivers return a function that
says of an invoice, by its id, that its next message is stopped, or None.
`debtor_changed`: debtor; an answer was handled, the debtor wishes to hear from us again, or the credit is another.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.dispatch import Signal

from inflow.statements import Ahead


class Announcement(Signal):
    """For receivers that are there from the start and hear every sender: they are looked up once."""

    _known: list[Callable[..., Any]] | None = None

    def connect(self, *args: Any, **kwargs: Any) -> None:
        super().connect(*args, **kwargs)
        self._known = None

    def disconnect(self, *args: Any, **kwargs: Any) -> bool:
        self._known = None
        return super().disconnect(*args, **kwargs)

    def send(self, sender: Any, **said: Any) -> list[tuple[Callable[..., Any], Any]]:
        if self._known is None:
            self._known = self._live_receivers(sender)[0]
        return [(receiver, receiver(signal=self, sender=sender, **said)) for receiver in self._known]


creation_begins = Announcement()
change_begins = Announcement()
invoice_created = Announcement()
facts_changed = Announcement()
invoice_changed = Announcement()
payment_recorded = Announcement()
payment_undone = Announcement()
escalation_created = Announcement()
escalation_resolved = Announcement()
promise_made = Announcement()
promise_reopened = Announcement()
promise_broken = Announcement()
debtor_changed = Announcement()
next_contact_shown = Announcement()


def asked_by_all(signal: Signal, **said: object) -> Iterator[Ahead | None]:
    """What the receivers of `creation_begins` or `change_begins` will ask."""
    answers: list[tuple[Any, Any]] = signal.send(Signal, **said)
    for _, queries in answers:
        yield from queries
