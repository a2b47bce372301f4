"""How often a debtor is contacted, over all invoices and channels; and the next moment that the rules allow."""

import datetime as dt
import uuid
from bisect import bisect_right
from collections.abc import Sequence

from communications.models import CONTACTED, CollectionSettings, Kind
from communications.schedule.calendar import Place
from inflow.sql import select

WEEK = dt.timedelta(hours=168)
# A thank-you is no contact.
UNCOUNTED = (Kind.THANK_YOU,)
# The limits of contact hold neither a thank-you nor a message that a person sends.
NOT_LIMITED = (Kind.MANUAL, Kind.THANK_YOU)


def reach(rules: CollectionSettings) -> dt.timedelta:
    """Return the period for which a contact counts."""
    return max(WEEK, dt.timedelta(hours=rules.hours_between))


def contacts(debtor_id: uuid.UUID, now: dt.datetime, rules: CollectionSettings | None = None) -> list[dt.datetime]:
    """The moments of the debtor's contacts that still count, by `rules`, in order: those of a week without them.

    A message is one contact however many invoices it is about. A payment that stands is one, too.
    """
    found = select(_CONTACTS, {"debtor": debtor_id, "since": now - (reach(rules) if rules else WEEK)})
    return sorted(dict(found).values())


_UNCOUNTED = ", ".join(f"'{kind.value}'" for kind in UNCOUNTED)
_CONTACTED = ", ".join(f"'{state.value}'" for state in CONTACTED)
# One SELECT of (id, moment) for each kind of contact. A new kind, such as a call in which somebody was reached, is one
# more of them.
_SOURCES = (
    f"""
SELECT message_id, sent_at FROM communications_communication
WHERE debtor_id = %(debtor)s AND sent_at > %(since)s AND status IN ({_CONTACTED})
  AND kind NOT IN ({_UNCOUNTED})
""",  # noqa: S608
    """
SELECT id, recorded_at FROM invoices_receipt
WHERE debtor_id = %(debtor)s AND recorded_at > %(since)s AND status = 'standing' AND method <> 'opening'
""",
)
_CONTACTS = " UNION ".join(_SOURCES)


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
