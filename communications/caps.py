"""How often a debtor is contacted, over all invoices and channels; and the next moment that the rules allow."""

import datetime as dt
import uuid
from bisect import bisect_right
from collections.abc import Sequence

from communications.calendar import Place
from communications.models import CONTACTED, CollectionSettings, Communication, Kind
from inflow import statements

WEEK = dt.timedelta(hours=168)
# They are no contacts, and no limit of contacts holds them.
UNCOUNTED = (Kind.MANUAL, Kind.THANK_YOU)


def contacts(debtor_id: uuid.UUID, now: dt.datetime) -> list[dt.datetime]:
    """When the debtor heard from us, or we of their money, within the last week; in order. A message is one contact
    however many invoices it speaks of, and so is a payment that was not taken back."""
    statements.flush(Communication)
    found = statements.execute(_CONTACTS, {"debtor": debtor_id, "since": now - WEEK}).rows
    return sorted(dict(found).values())


_UNCOUNTED = ", ".join(f"'{kind.value}'" for kind in UNCOUNTED)
_CONTACTED = ", ".join(f"'{state.value}'" for state in CONTACTED)
_CONTACTS = f"""
SELECT message_id, sent_at FROM communications_communication
WHERE debtor_id = %(debtor)s AND sent_at > %(since)s AND status IN ({_CONTACTED})
  AND kind NOT IN ({_UNCOUNTED})
UNION
SELECT id, recorded_at FROM invoices_receipt
WHERE debtor_id = %(debtor)s AND recorded_at > %(since)s AND status = 'standing' AND method <> 'opening'
"""  # noqa: S608


def next_allowed(
    moment: dt.datetime, heard: Sequence[dt.datetime], place: Place, rules: CollectionSettings
) -> dt.datetime:
    """The first moment, `moment` or later, at which window and caps allow a message."""
    between = dt.timedelta(hours=rules.hours_between)
    while True:
        moment = place.next_opening(moment)
        before = heard[: bisect_right(heard, moment)]
        waits = [moment]
        if before:
            waits.append(before[-1] + between)
        if len(before) >= rules.most_in_7_days:
            waits.append(before[-rules.most_in_7_days] + WEEK)
        if max(waits) == moment:
            return moment
        moment = max(waits)
