"""What happened to an invoice, in words a collector understands."""

from collections.abc import Mapping

from inflow import statements
from inflow.accounts.actors import Actor
from invoices.models import Invoice, TimelineEntry


def note(
    invoice: Invoice,
    kind: str,
    actor: Actor,
    text: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
) -> TimelineEntry:
    """Append an entry, at the account's time, in the caller's transaction."""
    entry = statements.new(
        TimelineEntry,
        account_id=invoice.account_id,
        invoice=invoice,
        at=invoice.account.now(),
        kind=kind,
        actor=actor.name,
        channel=actor.channel.value,
        text=text,
        before=before or {},
        after=after or {},
        reason=reason,
    )
    statements.insert(entry)
    return entry
