"""Entries of an invoice's timeline. `narrative` has their sentences."""

import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from inflow.accounts.actors import Actor
from inflow.sql import Batch, joining, select
from invoices import narrative
from invoices.models import OPEN, Debtor, Invoice, TimelineEntry


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
        params=_stored(params, reason),
        before=before or {},
        after=after or {},
        reason=str(reason),
    )
    with joining(batch) as batch:
        batch.insert(entry)


def note_on_open(
    debtor: Debtor,
    kind: str,
    actor: Actor,
    *,
    reason: str = "",
    except_for: Collection[uuid.UUID] = (),
    **params: Any,
) -> None:
    """Add the same entry to the timelines of all open invoices of a debtor, in one statement."""
    values = {
        "debtor": debtor.pk,
        "at": debtor.account.now(),
        "kind": kind,
        "actor": actor.name,
        "channel": actor.channel.value,
        "params": json.dumps(_stored(params, reason)),
        "reason": str(reason),
        "except_for": list(except_for),
    }
    select(_NOTE_ON_OPEN, values)


def _stored(params: Mapping[str, Any], reason: str) -> dict[str, Any]:
    stored = {name: narrative.store(value) for name, value in params.items()}
    if isinstance(reason, narrative.Because):
        stored["because"] = {"code": reason.code, "params": dict(reason.params)}
    return stored


_OPEN = ", ".join(f"'{status.value}'" for status in OPEN)
_NOTE_ON_OPEN = f"""
INSERT INTO invoices_timelineentry
  (account_id, invoice_id, at, kind, actor, channel, stored_text, params, before, after, reason)
SELECT account_id, id, %(at)s, %(kind)s, %(actor)s, %(channel)s, '', %(params)s::jsonb, '{{}}', '{{}}', %(reason)s
FROM invoices_invoice
WHERE debtor_id = %(debtor)s AND status IN ({_OPEN}) AND id <> ALL (%(except_for)s::uuid[])
ORDER BY id
"""  # noqa: S608
