"""Opt-outs and opt-ins of addresses and debtors, with a log of who requested them.

The log is append-only. An address remains opted out until a user reverses it with a written reason. Imports and new
invoices do not change it.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from communications.contacts import further
from communications.models import Address, Communication, ConsentEntry, Copy, Medium, Source, Wish
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import timeline
from invoices.debtors import aliases, contacts, debtors
from invoices.models import Contact, Debtor, Invoice
from invoices.models.identities import ContactCorrection, DebtorIdentity
from invoices.writing import Refused

# Stands for the debtor in log entries of an address that no debtor has.
_NO_DEBTOR: Sequence[Debtor | None] = (None,)


def opt_out_address(
    account: Account, channel: str, address: str, at: dt.datetime, *, source: str, text: str = "", actor: Actor
) -> bool:
    """Opt a normalised address out of a channel, for all debtors who have it.

    Return False and write nothing if it was opted out already.
    """
    with transaction.atomic():
        affected = debtors_at(account, channel, address)
        if not _opt_out_contact(account, affected, channel, address, at, source, text, actor):
            return False
        for debtor in affected:
            _note_on_invoices(debtor, "opted_out", actor, text, address=address, medium=channel)
    return True


def opt_out(
    debtor: Debtor, channel: str, actor: Actor, source: str, text: str = "", *, party: Collection[str] | None = None
) -> None:
    """Opt a debtor out of a channel, or out of all present and future channels if `channel` is empty.

    With `party`, opt out only the addresses on the invoices of this party.
    """
    account = debtor.account
    at = account.now()
    with transaction.atomic():
        debtor = aliases.lock(account, debtor.pk)
        changed = [
            _opt_out_contact(account, [debtor], medium, address, at, source, text, actor)
            for medium, address in addresses_of(debtor, party)
            if channel in ("", medium)
        ]
        if not channel and party is None and debtor.opted_out_at is None:
            debtors.opt_out(account, debtor.pk, actor, reason=text)
            _record(account, debtor, Wish.OPTED_OUT, source, at, actor.name, text)
        elif any(changed):
            _note_on_invoices(debtor, "opted_out", actor, text, party, **({"medium": channel} if channel else {}))


def opt_in(debtor: Debtor, channel: str, actor: Actor, reason: str) -> None:
    """Record the debtor's consent to a channel that requires it. `reason` says where and how it was given.

    Raise `Refused` without a reason, without an address on the channel, or if the debtor opted out.
    """
    _require_reason(reason)
    account = debtor.account
    with transaction.atomic():
        debtor = aliases.lock(account, debtor.pk)
        own_addresses = [address for medium, address in addresses_of(debtor) if medium == channel]
        if not own_addresses:
            raise Refused("debtor", "no_contact", _("%(debtor)s has no address on this channel.") % {"debtor": debtor})
        opted_out = Address.objects.filter(
            account=account, channel=channel, address__in=own_addresses, opted_out_at__isnull=False
        )
        if debtor.opted_out_at is not None or opted_out.exists():
            message = _("%(debtor)s has opted out: allow messages again first.")
            raise Refused("debtor", "opted_out", message % {"debtor": debtor})
        at = account.now()
        for address in own_addresses:
            Address.objects.update_or_create(
                account=account, channel=channel, address=address, defaults={"opted_in_at": at}
            )
            where = {"channel": channel, "address": address}
            _record(account, debtor, Wish.OPTED_IN, Source.STAFF, at, actor.name, reason, **where)
        _note_on_invoices(debtor, "opted_in", actor, reason, medium=channel)


def restore_address(record: Address, actor: Actor, reason: str) -> None:
    """Reverse the opt-out of an address. Raise `Refused` without a reason, or if it is not opted out."""
    _require_reason(reason)
    account = record.account
    with transaction.atomic():
        opted_out = Address.objects.filter(pk=record.pk, opted_out_at__isnull=False)
        if not opted_out.update(opted_out_at=None, opted_in_at=account.now()):
            raise Refused("contact", "not_opted_out", _("%(contact)s is not opted out.") % {"contact": record})
        affected = debtors_at(account, record.channel, record.address)
        address = {"channel": record.channel, "address": record.address}
        for debtor in affected or _NO_DEBTOR:
            _record(account, debtor, Wish.OPTED_IN, Source.STAFF, account.now(), actor.name, reason, **address)
        for debtor in affected:
            _note_on_invoices(debtor, "opted_in", actor, reason, address=str(record))


def restore_debtor(debtor: Debtor, actor: Actor, reason: str) -> None:
    """Reverse the opt-out of a debtor and all addresses. Raise `Refused` without a reason, or if not opted out."""
    _require_reason(reason)
    account = debtor.account
    with transaction.atomic():
        debtor = aliases.lock(account, debtor.pk)
        if debtor.opted_out_at is None:
            raise Refused("debtor", "not_opted_out", _("%(debtor)s is not opted out.") % {"debtor": debtor})
        at = account.now()
        for medium, address in addresses_of(debtor):
            known = Address.objects.filter(account=account, channel=medium, address=address)
            if known.filter(opted_out_at__isnull=False).update(opted_out_at=None, opted_in_at=at):
                where = {"channel": medium, "address": address}
                _record(account, debtor, Wish.OPTED_IN, Source.STAFF, at, actor.name, reason, **where)
        debtors.opt_in(account, debtor.pk, actor, reason=reason)
        _record(account, debtor, Wish.OPTED_IN, Source.STAFF, at, actor.name, reason)


def addresses_of(debtor: Debtor, party: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Return all (channel, address) pairs of the debtor, its contacts and its invoices, or of `party` only."""
    invoices, corrections = Invoice.objects.filter(debtor=debtor), contacts.by_party(contacts.corrections_of(debtor))
    if party is not None:
        invoices = invoices.filter(party__in=party)
    emails, phones = set[str](), set[str]()
    given = invoices.order_by().values_list("debtor_email", "debtor_phone", "contacts").distinct()
    for email, phone, entries in given:
        for each in (email, *further.given(entries, "email")):
            emails |= {each, *(contacts.corrected("email", each, own) for own in corrections)}
        for each in (phone, *further.given(entries, "phone")):
            phones |= {each, *(contacts.corrected("phone", each, own) for own in corrections)}
    entries = further.of_party(debtor, party)
    emails |= further.given(entries, "email")
    phones |= further.given(entries, "phone")
    if party is None:
        emails.add(debtor.email)
        phones.add(debtor.phone)
        for contact in Contact.objects.filter(debtor=debtor):
            emails.add(contact.email)
            phones.add(contact.phone)
    found = [(Medium.EMAIL.value, email) for email in sorted(emails - {""})]
    return found + [(medium.value, each) for medium in (Medium.SMS, Medium.WHATSAPP) for each in sorted(phones - {""})]


def opted_out_channels(debtor: Debtor, party: Collection[str] | None = None) -> set[str]:
    """Return the channels on which all addresses of the debtor, or of its `party`, are opted out."""
    known = addresses_of(debtor, party)
    opted_out = set(
        Address.objects.filter(
            account=debtor.account, address__in={address for _, address in known}, opted_out_at__isnull=False
        ).values_list("channel", "address")
    )
    return {channel for channel, _ in known} - {
        channel for channel, address in known if (channel, address) not in opted_out
    }


def debtors_at(account: Account, channel: str, address: str) -> list[Debtor]:
    """Return the debtors who have this normalised address, or were written to at it, the oldest first."""
    kind = "email" if channel == Medium.EMAIL else "phone"
    known = DebtorIdentity.objects.for_account(account).filter(**{kind: address})
    corrected = ContactCorrection.objects.for_account(account).filter(kind=kind, new=address)
    others = Contact.objects.for_account(account).filter(**{kind: address})
    copies = Copy.objects.for_account(account).filter(recipient=address, channel=channel)
    copied = Communication.objects.filter(message_id__in=copies.order_by().values("message_id"))
    found = known.order_by().values("debtor")
    found = found.union(*(rows.order_by().values("debtor") for rows in (corrected, others, copied)))
    found_debtors = list(Debtor.objects.for_account(account).filter(pk__in=found).order_by("created_at", "pk"))
    for debtor in found_debtors:
        debtor.account = account
    return found_debtors


def phones_of(debtor_id: uuid.UUID) -> list[str]:
    """Return the phone numbers of a debtor, including corrections and further contacts."""
    known = DebtorIdentity.objects.filter(debtor=debtor_id).exclude(phone="").values_list("phone", flat=True)
    corrected = ContactCorrection.objects.filter(debtor=debtor_id, kind="phone").exclude(new="")
    others = Contact.objects.filter(debtor=debtor_id).exclude(phone="").order_by().values_list("phone", flat=True)
    found = set(known.order_by().union(corrected.order_by().values_list("new", flat=True), others))
    named = Invoice.objects.filter(debtor=debtor_id).exclude(contacts=[]).order_by()
    for entries in named.values_list("contacts", flat=True).distinct():
        found |= further.given(entries, "phone")
    return sorted(found)


def _opt_out_contact(
    account: Account,
    affected: Sequence[Debtor],
    channel: str,
    address: str,
    at: dt.datetime,
    source: str,
    text: str,
    actor: Actor,
) -> bool:
    record, _ = Address.objects.get_or_create(account=account, channel=channel, address=address)
    if not Address.objects.filter(pk=record.pk, opted_out_at=None).update(opted_out_at=at, opted_in_at=None):
        return False
    for debtor in affected or _NO_DEBTOR:
        _record(account, debtor, Wish.OPTED_OUT, source, at, actor.name, text, channel=channel, address=address)
    return True


def _note_on_invoices(
    debtor: Debtor, kind: str, actor: Actor, reason: str, party: Collection[str] | None = None, **params: Any
) -> None:
    invoices = Invoice.objects.filter(debtor=debtor).open().order_by("id")
    for invoice in invoices if party is None else invoices.filter(party__in=party):
        invoice.account = debtor.account
        timeline.note(invoice, kind, actor, reason=reason, **params)


def _record(
    account: Account, debtor: Debtor | None, what: Wish, source: str, at: dt.datetime, actor: str, text: str, **of: str
) -> None:
    """Add an entry to the log. `of` may contain the channel and the address."""
    ConsentEntry.objects.create(
        account=account, debtor=debtor, what=what, source=source, text=text, at=at, actor=actor, **of
    )


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("reason", "required", _("Give a reason for resuming messages. It is stored in the log."))
