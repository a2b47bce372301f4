"""Who does not want to be written to, on a channel or at all, and who said so in which words.

The log only grows. An address that opted out stays so until a person brings it back with a written reason: imports and
new invoices find it as it is.
"""

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from communications.models import ConsentEntry, Contact, Medium, Source, Wish
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from invoices import debtors, timeline
from invoices.models import Debtor, Invoice
from invoices.writing import Refused


def leave_address(
    account: Account, channel: str, address: str, at: dt.datetime, *, source: str, text: str = "", actor: Actor
) -> bool:
    """Nothing is sent to the address, normalised, on the channel again. Whether that is news; else nothing is
    written."""
    with transaction.atomic():
        debtor = _debtor_at(account, channel, address)
        if not _leave(account, debtor, channel, address, at, source, text, actor):
            return False
        if debtor:
            _tell(debtor, "opted_out", actor, text, address=address, medium=channel)
    return True


def leave(debtor: Debtor, channel: str, actor: Actor, source: str, text: str = "") -> None:
    """The debtor leaves a channel, or all of them ("") now and with whatever address comes later."""
    account = debtor.account
    at = account.now()
    with transaction.atomic():
        debtor = Debtor.objects.select_for_update(no_key=True).get(account=account, pk=debtor.pk)
        debtor.account = account
        left = [
            _leave(account, debtor, medium, address, at, source, text, actor)
            for medium, address in addresses_of(debtor)
            if channel in ("", medium)
        ]
        if not channel and debtor.opted_out_at is None:
            debtors.opt_out(account, debtor.pk, actor, reason=text)
            _record(account, debtor, Wish.OPTED_OUT, source, at, actor.name, text)
        elif any(left):
            _tell(debtor, "opted_out", actor, text, medium=channel)


def agree(debtor: Debtor, channel: str, actor: Actor, reason: str) -> None:
    """The debtor agreed to be written to on a channel that asks for it; `reason` says where and how. Raises `Refused`
    without one, without an address, or where they opted out: that is taken back by its own verb."""
    _demand(reason)
    account = debtor.account
    with transaction.atomic():
        debtor = Debtor.objects.select_for_update(no_key=True).get(account=account, pk=debtor.pk)
        debtor.account = account
        theirs = [address for medium, address in addresses_of(debtor) if medium == channel]
        if not theirs:
            raise Refused("debtor", "no_contact", _("No address of %(debtor)s is known there.") % {"debtor": debtor})
        left = Contact.objects.filter(account=account, channel=channel, address__in=theirs, opted_out_at__isnull=False)
        if debtor.opted_out_at is not None or left.exists():
            said = _("%(debtor)s asked not to be written to: bring them back first.")
            raise Refused("debtor", "opted_out", said % {"debtor": debtor})
        at = account.now()
        for address in theirs:
            Contact.objects.update_or_create(
                account=account, channel=channel, address=address, defaults={"opted_in_at": at}
            )
            where = {"channel": channel, "address": address}
            _record(account, debtor, Wish.OPTED_IN, Source.STAFF, at, actor.name, reason, **where)
        _tell(debtor, "opted_in", actor, reason, medium=channel)


def return_address(contact: Contact, actor: Actor, reason: str) -> None:
    """A person brings an address back. Raises `Refused` without a reason, or where it never left."""
    _demand(reason)
    account = contact.account
    with transaction.atomic():
        left = Contact.objects.filter(pk=contact.pk, opted_out_at__isnull=False)
        if not left.update(opted_out_at=None, opted_in_at=account.now()):
            raise Refused("contact", "not_opted_out", _("%(contact)s may be written to.") % {"contact": contact})
        debtor = _debtor_at(account, contact.channel, contact.address)
        address = {"channel": contact.channel, "address": contact.address}
        _record(account, debtor, Wish.OPTED_IN, Source.STAFF, account.now(), actor.name, reason, **address)
        if debtor:
            _tell(debtor, "opted_in", actor, reason, address=str(contact))


def return_debtor(debtor: Debtor, actor: Actor, reason: str) -> None:
    """A person brings a debtor back, with every address. Raises `Refused` without a reason, or if they never left."""
    _demand(reason)
    account = debtor.account
    with transaction.atomic():
        debtor = Debtor.objects.select_for_update(no_key=True).get(account=account, pk=debtor.pk)
        debtor.account = account
        if debtor.opted_out_at is None:
            raise Refused("debtor", "not_opted_out", _("%(debtor)s may be written to.") % {"debtor": debtor})
        at = account.now()
        for medium, address in addresses_of(debtor):
            theirs = Contact.objects.filter(account=account, channel=medium, address=address)
            if theirs.filter(opted_out_at__isnull=False).update(opted_out_at=None, opted_in_at=at):
                where = {"channel": medium, "address": address}
                _record(account, debtor, Wish.OPTED_IN, Source.STAFF, at, actor.name, reason, **where)
        debtors.opt_in(account, debtor.pk, actor, reason=reason)
        _record(account, debtor, Wish.OPTED_IN, Source.STAFF, at, actor.name, reason)


def addresses_of(debtor: Debtor) -> list[tuple[str, str]]:
    """Every channel and address at which the debtor is known, from its invoices too."""
    given = list(
        Invoice.objects.filter(debtor=debtor).order_by().values_list("debtor_email", "debtor_phone").distinct()
    )
    emails = {debtors.normalise_email(email) for email, _ in given} | {debtor.email}
    phones = {phone for _, phone in given} | {debtor.phone}
    found = [(Medium.EMAIL.value, email) for email in sorted(emails - {""})]
    return found + [(medium.value, each) for medium in (Medium.SMS, Medium.WHATSAPP) for each in sorted(phones - {""})]


def left_channels(debtor: Debtor) -> set[str]:
    """The channels on which none of the debtor's addresses may be written to."""
    known = addresses_of(debtor)
    gone = set(
        Contact.objects.filter(
            account=debtor.account, address__in={address for _, address in known}, opted_out_at__isnull=False
        ).values_list("channel", "address")
    )
    return {channel for channel, _ in known} - {channel for channel, address in known if (channel, address) not in gone}


def _leave(
    account: Account,
    debtor: Debtor | None,
    channel: str,
    address: str,
    at: dt.datetime,
    source: str,
    text: str,
    actor: Actor,
) -> bool:
    contact, _ = Contact.objects.get_or_create(account=account, channel=channel, address=address)
    if not Contact.objects.filter(pk=contact.pk, opted_out_at=None).update(opted_out_at=at, opted_in_at=None):
        return False
    _record(account, debtor, Wish.OPTED_OUT, source, at, actor.name, text, channel=channel, address=address)
    return True


def _debtor_at(account: Account, channel: str, address: str) -> Debtor | None:
    name = "email" if channel == Medium.EMAIL else "phone"
    given = Q(**{f"invoices__debtor_{name}__iexact": address})
    known = Debtor.objects.for_account(account).filter(Q(**{name: address}) | given).order_by("created_at")
    debtor: Debtor | None = known.first()
    if debtor:
        debtor.account = account
    return debtor


def _tell(debtor: Debtor, kind: str, actor: Actor, reason: str, **params: Any) -> None:
    for invoice in Invoice.objects.filter(debtor=debtor).open().order_by("id"):
        invoice.account = debtor.account
        timeline.note(invoice, kind, actor, reason=reason, **params)


def _record(
    account: Account,
    debtor: Debtor | None,
    what: Wish,
    source: str,
    at: dt.datetime,
    actor: str,
    text: str,
    *,
    channel: str = "",
    address: str = "",
) -> None:
    ConsentEntry.objects.create(
        account=account,
        debtor=debtor,
        channel=channel,
        address=address,
        what=what,
        source=source,
        text=text,
        at=at,
        actor=actor,
    )


def _demand(reason: str) -> None:
    if not reason.strip():
        raise Refused("reason", "required", _("Why may they be written to again? The reason stays in the log."))
