"""Limits on the number of contacts of a debtor across all invoices and channels.

An address that several debtors share has no limit of its own, unless staff say that one person reads it.
"""

import datetime as dt
import uuid
from bisect import bisect_right
from collections.abc import Collection, Sequence

from django.db.models import Exists, OuterRef, Q

from communications.models import CONTACTED, CollectionSettings, Communication, Copy, EarlierContact, Kind
from communications.schedule.calendar import Place
from inflow.sql import select
from invoices.debtors import parties
from invoices.models import Contact, ContactCorrection, Debtor, Invoice

WEEK = dt.timedelta(hours=168)
# Kinds of messages that do not count as contacts.
UNCOUNTED = (Kind.THANK_YOU,)
# Kinds of messages that are sent regardless of the limits.
NOT_LIMITED = (Kind.MANUAL, Kind.THANK_YOU)


def reach(rules: CollectionSettings) -> dt.timedelta:
    """Return the period for which a contact counts."""
    return max(WEEK, dt.timedelta(hours=rules.hours_between))


def contacts(debtor_id: uuid.UUID, now: dt.datetime, rules: CollectionSettings | None = None) -> list[dt.datetime]:
    """Return the times of the debtor's contacts within the period of `rules`, or within a week, in order.

    A message counts once, however many invoices it mentions. A valid payment also counts as a contact, and so
    does a call in which somebody was reached.
    """
    return _contacts([debtor_id], now - (reach(rules) if rules else WEEK)).get(debtor_id, [])


def contacts_of_all(
    debtor_ids: Collection[uuid.UUID], now: dt.datetime, rules: CollectionSettings
) -> dict[uuid.UUID, list[dt.datetime]]:
    """Return the `contacts` of each debtor that has any."""
    return _contacts(debtor_ids, now - reach(rules))


def _contacts(debtor_ids: Collection[uuid.UUID], since: dt.datetime) -> dict[uuid.UUID, list[dt.datetime]]:
    found: dict[uuid.UUID, dict[uuid.UUID, dt.datetime]] = {}
    for debtor_id, contact_id, at in select(_CONTACTS, {"debtors": list(debtor_ids), "since": since}):
        found.setdefault(debtor_id, {})[contact_id] = at
    return {debtor_id: sorted(each.values()) for debtor_id, each in found.items()}


def contacts_at(account_id: uuid.UUID, address: str, now: dt.datetime, rules: CollectionSettings) -> list[dt.datetime]:
    """Return the times of the messages to an address, whichever debtor they were about, in order."""
    found = select(_AT_ADDRESS, {"account": account_id, "address": address, "since": now - reach(rules)})
    return sorted(dict(found).values())


def take_over(invoices: Sequence[Invoice], previous: Debtor | None, debtor: Debtor, rules: CollectionSettings) -> None:
    """Count for the invoices' new debtor what their recipients were sent before.

    This is what was sent about these invoices and, if a `previous` debtor is divided within a party, about its others.
    """
    since = debtor.account.now() - reach(rules)
    about = Q(invoice__in=[invoice.pk for invoice in invoices])
    if previous and any(parties.of(each.debtor_name, each.debtor_company).key == each.party for each in invoices):
        earlier = EarlierContact.objects.filter(debtor=previous, sent_at__gt=since)
        about |= Q(debtor=previous) | Q(message_id__in=earlier.values("message_id"))
    addresses = _addresses(invoices, debtor)
    copies = Copy.objects.filter(message_id=OuterRef("message_id"), recipient__in=addresses)
    to_them = Q(recipient__in=addresses) | Q(Exists(copies), has_copies=True)
    sent = Communication.objects.filter(about, to_them, status__in=CONTACTED, sent_at__gt=since)
    sent = sent.exclude(debtor=debtor).exclude(kind__in=UNCOUNTED)
    EarlierContact.objects.bulk_create(
        (
            EarlierContact(account=debtor.account, debtor=debtor, message_id=message_id, sent_at=sent_at)
            for message_id, sent_at in dict(sent.values_list("message_id", "sent_at")).items()
        ),
        ignore_conflicts=True,
    )


def _addresses(invoices: Sequence[Invoice], debtor: Debtor) -> set[str]:
    """Return the addresses at which the debtor gets messages about these invoices."""
    found: set[str] = {*ContactCorrection.objects.filter(debtor=debtor).values_list("new", flat=True)}
    for invoice in invoices:
        found |= {invoice.debtor_email, invoice.debtor_phone}
        found |= {each.get(name, "") for each in invoice.contacts for name in ("email", "phone")}
    for pair in Contact.objects.filter(debtor=debtor).values_list("email", "phone"):
        found.update(pair)
    return found - {""}


def lock_address(account_id: uuid.UUID, address: str) -> None:
    """Let only one transaction at a time send to an address with one reader."""
    select("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"reader {account_id} {address}"])


_UNCOUNTED = ", ".join(f"'{kind.value}'" for kind in UNCOUNTED)
_CONTACTED = ", ".join(f"'{state.value}'" for state in CONTACTED)
# One SELECT of (debtor, id, time) for each kind of contact. A new kind of contact needs another SELECT.
_SOURCES = (
    f"""
SELECT debtor_id, message_id, sent_at FROM communications_communication
WHERE debtor_id = ANY (%(debtors)s) AND sent_at > %(since)s AND status IN ({_CONTACTED})
  AND kind NOT IN ({_UNCOUNTED})
""",  # noqa: S608
    """
SELECT debtor_id, id, recorded_at FROM invoices_receipt
WHERE debtor_id = ANY (%(debtors)s) AND recorded_at > %(since)s AND status = 'standing' AND method <> 'opening'
""",
    """
SELECT debtor_id, id, at FROM communications_calllog
WHERE debtor_id = ANY (%(debtors)s) AND at > %(since)s AND outcome = 'reached'
""",
    """
SELECT debtor_id, message_id, sent_at FROM communications_earliercontact
WHERE debtor_id = ANY (%(debtors)s) AND sent_at > %(since)s
""",
)
_CONTACTS = " UNION ".join(_SOURCES)
# By way of the debtors that have the address, for which there are indexes, and by the copies of messages.
_AT_ADDRESS = f"""
SELECT message_id, sent_at FROM communications_communication
WHERE recipient = %(address)s AND sent_at > %(since)s AND status IN ({_CONTACTED}) AND kind NOT IN ({_UNCOUNTED})
  AND debtor_id IN (
    SELECT debtor_id FROM invoices_debtoridentity WHERE account_id = %(account)s AND email = %(address)s
    UNION SELECT debtor_id FROM invoices_debtoridentity WHERE account_id = %(account)s AND phone = %(address)s
    UNION SELECT debtor_id FROM invoices_contactcorrection WHERE account_id = %(account)s AND new = %(address)s
    UNION SELECT debtor_id FROM invoices_contact WHERE account_id = %(account)s AND email = %(address)s
      AND email <> ''
    UNION SELECT debtor_id FROM invoices_contact WHERE account_id = %(account)s AND phone = %(address)s
      AND phone <> ''
  )
UNION SELECT one.message_id, one.sent_at FROM communications_copy one
JOIN communications_communication message ON message.message_id = one.message_id
WHERE one.account_id = %(account)s AND one.recipient = %(address)s AND one.sent_at > %(since)s
  AND one.status IN ({_CONTACTED}) AND kind NOT IN ({_UNCOUNTED})
"""  # noqa: S608


def next_allowed(
    moment: dt.datetime, contact_times: Sequence[dt.datetime], place: Place, rules: CollectionSettings
) -> dt.datetime:
    """Return the first time from `moment` on at which the contact hours and limits allow a message."""
    between = dt.timedelta(hours=rules.hours_between)
    while True:
        moment = place.next_opening(moment)
        before = contact_times[: bisect_right(contact_times, moment)]
        waits = [moment]
        if before:
            waits.append(before[-1] + between)
        if len(before) >= rules.most_in_7_days:
            waits.append(before[-rules.most_in_7_days] + WEEK)
        if max(waits) == moment:
            return moment
        moment = max(waits)
