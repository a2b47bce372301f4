"""Entries of an invoice's timeline. `narrative` has their sentences."""

from collections.abc import Mapping
from typing import Any

from inflow.accounts.actors import Actor
from inflow.sql import Batch, joining
from invoices import narrative
from invoices.models import Invoice, TimelineEntry


def note(
    invoice: Invoice,
    kind: str,
    actor: Actor,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
    batch: Batch | None = None,
    **params: Any,
) -> None:
    """Add an entry at the account's time, in the batch if there is one. An amount is passed as `(amount, currency)`."""
    entry = TimelineEntry(
        account_id=invoice.account_id,
        invoice=invoice,
        at=invoice.account.now(),
        kind=kind,
        actor=actor.name,
        channel=actor.channel.value,
        stored_text="",
        params={name: narrative.store(value) for name, value in params.items()},
        before=before or {},
        after=after or {},
        reason=reason,
    )
    with joining(batch) as batch:
        batch.insert(entry)
