"""Debtors that staff and other systems create and edit: names, contacts, owner, tags, policy, never chase."""

import copy
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from invoices import signals, timeline
from invoices.debtors import debtors, finding, parties
from invoices.debtors.finding import Names
from invoices.errors import NotFound, Refused
from invoices.models import Contact, Debtor

MAX_CONTACTS = 20
# Attributes that concern no message.
_SILENT = {"owner", "never_chase_reason", "external_id"}
# Attributes by which the debtor and its invoices are found or written to.
_OF_MESSAGES = ("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision")


class ContactValues(NamedTuple):
    """A contact with normalised addresses. With an `id`, it is a change of that contact."""

    name: str = ""
    role: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    receives: Sequence[str] = ()
    id: uuid.UUID | None = None

    @property
    def address(self) -> tuple[str, str]:
        return self.email, self.phone


def create(
    account: Account,
    actor: Actor,
    values: Mapping[str, Any],
    *,
    contacts: Sequence[ContactValues] = (),
    external_id: str = "",
) -> Debtor:
    """Create a debtor. Raise `Refused` if an invoice with these values would find an existing one."""
    external_id = canonical(external_id)
    debtor = Debtor(account=account, page_key=uuid.uuid4(), **{"never_chase_reason": "", **values})
    _check(debtor)
    addresses = [contact.address for contact in contacts] or [("", "")]
    debtor.email, debtor.phone = addresses[0]
    party = parties.of(debtor.name, debtor.company)
    try:
        with transaction.atomic():
            if external_id and (known := finding.with_external_id(account, external_id)):
                raise _used_id(external_id, known)
            finding.lock_party(account, party)
            for email, phone in addresses:
                names = Names(debtor.name, debtor.company, email, phone)
                found = finding.find(account, names, lacks_external_id=bool(external_id))
                if found:
                    raise _is_known(found, has_contact=bool(email or phone))
            debtor.save(force_insert=True)
            if external_id:
                finding.add_external_id(debtor, external_id)
            finding.add_identity(debtor, party, debtor.email, debtor.phone)
            _replace_contacts(debtor, contacts)
            audit.record(account, actor.name, "debtor.created", str(debtor)[:120])
    except IntegrityError as error:
        raise _conflict(account, external_id, error) from error
    return debtor


def change(
    account: Account,
    debtor_id: uuid.UUID,
    actor: Actor,
    values: Mapping[str, Any],
    *,
    contacts: Sequence[ContactValues] | None = None,
    external_id: str = "",
) -> Debtor:
    """Change these values of a debtor, all or none, and replace its contacts if they are given.

    The messages about its invoices are rescheduled. An equal value changes nothing.
    """
    external_id = canonical(external_id)
    try:
        with transaction.atomic():
            return _change(_locked(account, debtor_id), actor, values, contacts, external_id)
    except IntegrityError as error:
        raise _conflict(account, external_id, error) from error


def never_chase(account: Account, debtor_id: uuid.UUID, actor: Actor, reason: str) -> Debtor:
    """Send no messages about the debtor's invoices any more."""
    return change(account, debtor_id, actor, {"never_chase": True, "never_chase_reason": reason})


def chase_again(account: Account, debtor_id: uuid.UUID, actor: Actor) -> Debtor:
    return change(account, debtor_id, actor, {"never_chase": False})


def _change(
    debtor: Debtor,
    actor: Actor,
    values: Mapping[str, Any],
    contacts: Sequence[ContactValues] | None,
    external_id: str,
) -> Debtor:
    before, account = copy.copy(debtor), debtor.account
    if values.get("never_chase") is False and not values.get("never_chase_reason"):
        values = {**values, "never_chase_reason": ""}
    changed = {name: value for name, value in values.items() if getattr(debtor, name) != value}
    for name, value in changed.items():
        setattr(debtor, name, value)
    _check(debtor)
    if changed.keys() & {"country", "subdivision"}:
        _check_place(debtor)
    changes: dict[str, Any] = {name: [_shown(getattr(before, name)), _shown(value)] for name, value in changed.items()}
    if external_id:
        known = finding.with_external_id(account, external_id)
        if known and known.pk != debtor.pk:
            raise _used_id(external_id, known)
        if known is None:
            finding.add_external_id(debtor, external_id)
            changes["external_id"] = ["", external_id]
    if contacts is not None and (replaced := _replace_contacts(debtor, contacts)):
        changes["contacts"] = replaced
    if not changes:
        return debtor
    debtor.updated_at = timezone.now()
    debtor.save(update_fields=[*changed, "updated_at"])
    audit.record(account, actor.name, "debtor.changed", str(debtor)[:120], changes=changes)
    _note(debtor, changed, actor)
    if changed.keys() & {*_OF_MESSAGES}:
        debtors.record_edit(before, debtor, actor)
    elif changes.keys() - _SILENT:
        signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)
    return debtor


def _shown(value: Any) -> str | None:
    """Return a value for the audit log."""
    if isinstance(value, list):
        return ", ".join(value) or None
    return None if value in (None, "") else str(value)


def _locked(account: Account, debtor_id: uuid.UUID) -> Debtor:
    """Return the debtor, or the one that replaced it, with its row locked."""
    rows = Debtor.objects.for_account(account)
    while True:
        debtor: Debtor | None = rows.select_for_update(no_key=True).filter(pk=debtor_id).first()
        if debtor is None:
            raise NotFound
        if debtor.merged_into_id is None:
            debtor.account = account
            return debtor
        debtor_id = debtor.merged_into_id


def _check(debtor: Debtor) -> None:
    if debtor.never_chase and not debtor.never_chase_reason.strip():
        message = _("never_chase_reason is required: say why no messages may be sent.")
        raise Refused("never_chase_reason", "required", message)
    if debtor.never_chase_reason and not debtor.never_chase:
        message = _('never_chase_reason is allowed only with "never_chase": true.')
        raise Refused("never_chase_reason", "without_never_chase", message)


def _check_place(debtor: Debtor) -> None:
    if debtor.country and debtor.subdivision and not debtor.subdivision.startswith(f"{debtor.country}-"):
        raise Refused("subdivision", "other_country", _("The emirate or region must be in the country."))


def _note(debtor: Debtor, changed: Mapping[str, Any], actor: Actor) -> None:
    """Add what concerns the messages to the timelines of the open invoices."""
    if "never_chase" in changed:
        kind = "never_chase" if debtor.never_chase else "chased_again"
        timeline.note_on_open(debtor, kind, actor, reason=debtor.never_chase_reason)
    if "policy" in changed:
        params: dict[str, Any] = {"policy": debtor.policy.name} if debtor.policy else {}
        timeline.note_on_open(debtor, "debtor_policy", actor, **params)


# --- Contacts ----------------------------------------------------------------------------------------------------


def _replace_contacts(debtor: Debtor, contacts: Sequence[ContactValues]) -> list[str] | None:
    """Replace the debtor's contacts. Return what they were and are, in words, or None if nothing has changed.

    A contact keeps its id if it is named, or if neither of its addresses changes. New invoices find the debtor by the
    addresses of its contacts, and replies and opt-outs concern it.
    """
    known = list(Contact.objects.filter(debtor=debtor))
    _check_contacts(contacts, known)
    before = [_values_of(row) for row in known]
    rows, party = [], parties.of(debtor.name, debtor.company)
    left = {row.pk: row for row in known if row.pk not in {contact.id for contact in contacts}}
    by_id = {row.pk: row for row in known}
    for position, contact in enumerate(contacts):
        row = by_id.get(contact.id) if contact.id else None
        row = row or next((each for each in left.values() if (each.email, each.phone) == contact.address), None)
        row = row or Contact(account_id=debtor.account_id, debtor=debtor)
        left.pop(row.pk, None)
        if row.pk not in by_id or (row.email, row.phone) != contact.address:
            finding.add_identity(debtor, party, *contact.address)
        row.position = position
        for name, value in contact._asdict().items():
            if name != "id":
                setattr(row, name, list(value) if name == "receives" else value)
        rows.append(row)
    if [_values_of(row) for row in rows] == before:
        return None
    Contact.objects.filter(pk__in=left).delete()
    for row in rows:
        row.save()
    return ["; ".join(map(_described, each)) for each in (before, map(_values_of, rows))]


def _values_of(row: Contact) -> ContactValues:
    return ContactValues(row.name, row.role, row.email, row.phone, row.language, tuple(row.receives), row.pk)


def _described(contact: ContactValues) -> str:
    parts = (contact.name, contact.role, *contact.address, contact.language, *contact.receives)
    return " · ".join(part for part in parts if part)


def _check_contacts(contacts: Sequence[ContactValues], known: Sequence[Contact]) -> None:
    if len(contacts) > MAX_CONTACTS:
        message = _("A debtor has at most %(most)d contacts; there are %(count)d.")
        raise Refused("contacts", "too_many", message % {"most": MAX_CONTACTS, "count": len(contacts)})
    own, seen, ids = {row.pk for row in known}, dict[tuple[str, str], int](), set[uuid.UUID]()
    for place, contact in enumerate(contacts):
        if not any(contact.address):
            message = _("A contact needs an email or a phone.")
            raise Refused(f"contacts.{place}", "no_address", message)
        if contact.address in seen:
            message = _("Contacts %(one)d and %(other)d have the same email and phone. Send one of them.")
            places = {"one": seen[contact.address] + 1, "other": place + 1}
            raise Refused(f"contacts.{place}", "duplicate", message % places)
        seen[contact.address] = place
        if contact.id and (contact.id not in own or contact.id in ids):
            message = _("This is not a contact of the debtor, or it was sent twice. To add a contact, leave out id.")
            raise Refused(f"contacts.{place}.id", "unknown_contact", message)
        if contact.id:
            ids.add(contact.id)


# --- Refusals ----------------------------------------------------------------------------------------------------


def _used_id(external_id: str, debtor: Debtor) -> Refused:
    message = _("%(external_id)s is the external_id of debtor %(id)s: change that one, or send another external_id.")
    return Refused("external_id", "duplicate", message % {"external_id": external_id, "id": debtor.pk})


def _is_known(debtor: Debtor, *, has_contact: bool) -> Refused:
    if has_contact:
        message = _(
            "Debtor %(id)s is the same party and shares an address or mail domain: change that one, for example its "
            "external_id."
        )
    else:
        message = _(
            "Debtor %(id)s is the same party and has no email or phone either: change that one, or send the contacts "
            "that tell them apart."
        )
    return Refused("name", "duplicate", message % {"id": debtor.pk})


def _conflict(account: Account, external_id: str, error: IntegrityError) -> Exception:
    """Return the refusal of an id that another transaction has used meanwhile."""
    known = finding.with_external_id(account, external_id)
    return _used_id(external_id, known) if known and finding.is_used_id(error) else error
