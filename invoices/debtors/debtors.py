"""Debtors: finding or creating the one of an invoice, edits, opt-outs and replies."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.models import CharField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.canonical import canonical
from inflow.sql import compiled
from invoices import signals, timeline
from invoices.cases import escalations
from invoices.debtors import aliases, contacts, debtor_parties, parties
from invoices.debtors.contacts import normalise_email, normalise_phone
from invoices.debtors.parties import Party
from invoices.errors import InvalidPhone, Refused
from invoices.models import OPEN, CaseStatus, Debtor, DebtorExternalId, Escalation, Invoice, Reason, TimelineEntry
from invoices.models.identities import ContactCorrection, ContactKind, DebtorIdentity

__all__ = ["InvalidPhone", "get_or_create", "normalise_email", "normalise_phone"]

# This many unhandled replies in a row open a case.
UNREAD_REPLIES = 3


class Names(NamedTuple):
    """The name, company, normalised email and phone that an invoice gives for its debtor."""

    name: str
    company: str
    email: str
    phone: str

    @property
    def party(self) -> Party:
        return parties.of(self.name, self.company)

    def __str__(self) -> str:
        return f"{self.name}, {self.company}" if self.company else self.name


def get_or_create(
    account: Account, *, name: str, company: str, email: str, phone: str, external_id: str = ""
) -> Debtor:
    """Return the debtor of an invoice: one of the same party that shares a contact (see `_matches`), or a new one.

    A shared mailbox or phone alone never joins two parties. Parallel calls for one party return the same debtor.

    A known external id decides. Raise `Refused` if neither party, address nor mail domain agrees with its debtor. An
    unknown id is given to the one match that has none, or else to a new debtor.
    """
    names, external_id = Names(name, company, normalise_email(email), phone), canonical(external_id)
    if external_id:
        if known := with_external_id(account, external_id):
            return aliases.hold(_agreeing(known, external_id, names))
    else:
        found, is_exact = find(account, names)
        if found and is_exact:
            return aliases.hold(found)
    try:
        with transaction.atomic():
            lock_party(account, names.party)
            found, is_exact = find(account, names, lacks_external_id=bool(external_id))
            debtor = aliases.hold(found) if found else create(account, names)
            if external_id:
                add_external_id(debtor, external_id)
            if external_id and found:
                Debtor.objects.filter(pk=found.pk).update(updated_at=timezone.now())
            if not is_exact:
                add_identity(debtor, names.party, names.email, phone)
    except IntegrityError as error:
        if not is_used_id(error):
            raise
        # Another transaction has given it to a debtor meanwhile.
        return aliases.hold(_agreeing(with_external_id(account, external_id), external_id, names))
    return debtor


def create(account: Account, names: Names) -> Debtor:
    debtor = Debtor(account=account, page_key=uuid.uuid4(), **names._asdict())
    debtor.save(force_insert=True)
    return debtor


def add_external_id(debtor: Debtor, external_id: str) -> None:
    DebtorExternalId.objects.create(account_id=debtor.account_id, debtor=debtor, external_id=external_id)


def is_used_id(error: IntegrityError) -> bool:
    """Return True if an external id was added that a debtor has already."""
    return "a_debtors_external_id_is_unique" in str(error)


def add_identity(debtor: Debtor, party: Party, email: str, phone: str) -> None:
    """Store the party and contacts by which `get_or_create` finds the debtor."""
    identity = DebtorIdentity(
        account_id=debtor.account_id, debtor=debtor, base=party.base, form=party.form, email=email, phone=phone
    )
    DebtorIdentity.objects.bulk_create([identity], ignore_conflicts=True)


def with_external_id(account: Account, external_id: str) -> Debtor | None:
    """Return the debtor with this id, or the one that replaced it."""
    rows = DebtorExternalId.objects.for_account(account).filter(external_id=external_id).select_related("debtor")
    row = rows.first()
    return _current(account, row.debtor) if row else None


def _current(account: Account, debtor: Debtor) -> Debtor:
    debtor.account = account
    return aliases.current(debtor)


def _agreeing(debtor: Debtor | None, external_id: str, names: Names) -> Debtor:
    """Return the debtor of a known external id. Raise `Refused` if nothing else agrees with it."""
    assert debtor is not None
    party = names.party
    exact = {"base": party.base, "form": party.form, "email": names.email, "phone": names.phone}
    if DebtorIdentity.objects.filter(debtor=debtor, **exact).exists():
        return debtor
    if not _agrees(debtor, names):
        message = _(
            "%(id)s is the id of %(debtor)s. Neither the name, an address nor the mail domain of %(names)s agrees with "
            "it: send the id of %(names)s, or none."
        )
        texts = {"id": external_id, "debtor": str(debtor), "names": str(names)}
        raise Refused("debtor_external_id", "debtor_mismatch", message % texts)
    with transaction.atomic():
        lock_party(debtor.account, party)
        add_identity(debtor, party, names.email, names.phone)
    return debtor


def _agrees(debtor: Debtor, names: Names) -> bool:
    """Return True if the debtor was known by this party, by one of the addresses, or by the mail domain."""
    party = names.party
    known = DebtorIdentity.objects.filter(debtor=debtor).alias(domain=_DOMAIN).order_by()
    shared = {"email": names.email, "phone": names.phone, "domain": contacts.own_domain_of(names.email)}
    if any(known.filter(**{name: value}).exists() for name, value in shared.items() if value):
        return True
    forms = known.filter(base=party.base).values_list("form", flat=True).distinct()
    account_forms = debtor_parties.known_forms(debtor.account, party.base)
    return any(parties.is_same(Party(party.base, form), party, account_forms) for form in forms)


def find(account: Account, names: Names, *, lacks_external_id: bool = False) -> tuple[Debtor | None, bool]:
    """Return the debtor, and True if it has an identity with exactly this party and these contacts.

    With `lacks_external_id`, only debtors without one count, and several are no match.
    """
    party, email, phone = names.party, names.email, names.phone
    domain = contacts.own_domain_of(email)
    rows = _matches(
        account=account.pk, base=party.base, email=email or None, domain=domain or None, phone=phone or None
    )
    if any(row["form"] != party.form for row in rows):
        forms = debtor_parties.known_forms(account, party.base)
        rows = [row for row in rows if parties.is_same(party, Party(party.base, row["form"]), forms)]
    owners = {row["debtor_id"]: _current(account, _debtor_of(row)) for row in rows}
    found = {debtor.pk: debtor for debtor in owners.values()}
    if lacks_external_id:
        for debtor_id in DebtorExternalId.objects.filter(debtor__in=found).values_list("debtor_id", flat=True):
            found.pop(debtor_id, None)
        if len(found) > 1:
            return None, False
    if not found:
        return None, False
    debtor = next(iter(found.values()))
    if len(found) > 1:
        newest = Invoice.objects.filter(debtor__in=found).order_by("-created_at", "-invoice_number")
        debtor = found[newest.values_list("debtor_id", flat=True).first() or debtor.pk]
    exact = (debtor, party.form, email, phone)
    return debtor, any((owners[row["debtor_id"]], row["form"], row["email"], row["phone"]) == exact for row in rows)


def _debtor_of(row: dict[str, Any]) -> Debtor:
    return Debtor.from_db(connection.alias, _DEBTOR, [row[f"debtor__{name}"] for name in _DEBTOR])


_DEBTOR = [field.attname for field in Debtor._meta.concrete_fields]
_DOMAIN = Func(F("email"), Value("@"), Value(-1), function="split_part", output_field=CharField())


@compiled
def _matches(
    *, account: uuid.UUID, base: str, email: str | None, domain: str | None, phone: str | None
) -> QuerySet[Any, dict[str, Any]]:
    """Return the identities with this base name, in any legal form, that match the contacts.

    Identities match by email; by mail domain, unless it is a public mail host; by phone, if one side has no email; or
    if neither side has any contact.
    """
    theirs = DebtorIdentity.objects.filter(debtor=OuterRef("debtor"), base=base)
    if email:
        matching = Q(email=email)
        if domain:
            matching |= Q(domain=domain)
        if phone:
            matching |= Q(~Exists(theirs.exclude(email="")), phone=phone)
    elif phone:
        matching = Q(phone=phone)
    else:
        matching = ~Q(Exists(theirs.exclude(email="", phone="")))
    identities = DebtorIdentity.objects.alias(domain=_DOMAIN).filter(matching, account=account, base=base)
    whole = (f"debtor__{name}" for name in _DEBTOR)
    rows: QuerySet[Any, Any] = identities.order_by("id").values("debtor_id", "form", "email", "phone", *whole)
    return rows


def lock_party(account: Account, party: Party) -> None:
    """Lock the party's name until the transaction ends, so that only one transaction creates its debtor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"debtor {account.pk} {party.base}"])


def record_edit(before: Debtor, debtor: Debtor, actor: Actor) -> None:
    """Record an edit by staff of a debtor whose row the caller has locked.

    A replaced contact is also replaced for the debtor's invoices, and new invoices find the debtor by its new values.
    """
    for kind, old, new in (
        (ContactKind.EMAIL.value, before.email, debtor.email),
        (ContactKind.PHONE.value, before.phone, debtor.phone),
    ):
        if old != new:
            replace_contact(debtor, kind, old, new, actor)
    names = ("name", "company", "email", "phone")
    if any(getattr(before, name) != getattr(debtor, name) for name in names):
        add_identity(debtor, parties.of(debtor.name, debtor.company), debtor.email, debtor.phone)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def replace_contact(debtor: Debtor, kind: str, old: str, new: str, actor: Actor) -> None:
    """Use the contact `new` in place of `old` for all of the debtor's invoices from now on."""
    # `new` is valid again, and a chain of corrections must not be a circle.
    ContactCorrection.objects.filter(debtor=debtor, party="", kind=kind, old=new).delete()
    values = {"account": debtor.account, "new": new, "actor": actor.name, "at": debtor.account.now()}
    ContactCorrection.objects.update_or_create(debtor=debtor, party="", kind=kind, old=old, defaults=values)
    timeline.note_on_open(debtor, "contact_replaced", actor, contact=kind, old=old or "–", new=new or "–")


def opt_out(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """Stop all messages to the debtor, also those that are about to be sent."""
    with _locked(account, debtor_id) as debtor:
        if debtor.opted_out_at is None:
            debtor.opted_out_at = account.now()
            debtor.save(update_fields=["opted_out_at"])
            _announce(debtor, actor, "opted_out", reason)
    return debtor


def opt_in(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """Allow messages to the debtor again."""
    with _locked(account, debtor_id) as debtor:
        if debtor.opted_out_at is not None:
            debtor.opted_out_at = None
            debtor.save(update_fields=["opted_out_at"])
            _announce(debtor, actor, "opted_in", reason)
    return debtor


def record_reply(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Record a reply of the debtor. It pauses messages until it is handled, or for three working days."""
    with transaction.atomic():
        pause_for_reply(account, debtor_id, actor, account.now())
        return log_reply(account, debtor_id, actor, text=text)


def pause_for_reply(account: Account, debtor_id: uuid.UUID, actor: Actor, at: dt.datetime) -> Debtor:
    """Pause messages because the debtor replied. Each reply starts a new pause."""
    with _locked(account, debtor_id) as debtor:
        debtor.answered_at = at
        debtor.unhandled_since = debtor.unhandled_since or debtor.answered_at
        debtor.unhandled_answers += 1
        _save_replies(debtor, actor)
    return debtor


def log_reply(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Add a reply to the timelines. The third unhandled one in a row opens a case."""
    with _locked(account, debtor_id) as debtor:
        _announce(debtor, actor, "answered", text)
        if debtor.unhandled_answers >= UNREAD_REPLIES:
            _escalate_unread(debtor)
    return debtor


def mark_reply_handled(
    account: Account,
    debtor_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    latest: dt.datetime | None = None,
    left: int = 0,
) -> Debtor:
    """Record that a person handled a reply. Messages continue if no other is `left`.

    `latest` is when the newest of the others arrived.
    """
    with _locked(account, debtor_id) as debtor:
        if debtor.answered_at is not None:
            debtor.answered_at, debtor.unhandled_answers = latest, left
            if not left:
                debtor.unhandled_since = None
            _save_replies(debtor, actor)
            if not left:
                _announce(debtor, actor, "answer_handled", reason)
    return debtor


def _save_replies(debtor: Debtor, actor: Actor) -> None:
    debtor.save(update_fields=["answered_at", "unhandled_answers", "unhandled_since"])
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def _escalate_unread(debtor: Debtor) -> None:
    """Open a case on the oldest open invoice, unless there is one for these replies."""
    cases = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNREAD_REPLIES)
    if cases.filter(Q(opened_at__gte=debtor.unhandled_since) | ~Q(status=CaseStatus.RESOLVED)).exists():
        return
    joined = TimelineEntry.objects.filter(
        invoice__debtor=debtor, kind="escalation_joined", at__gte=debtor.unhandled_since
    )
    if joined.filter(params__case=Reason.UNREAD_REPLIES.value).exists():
        return
    invoices = debtor.invoices.filter(status__in=OPEN).select_for_update(no_key=True)
    oldest = invoices.order_by("due_date", "issue_date", "invoice_number").first()
    if oldest:
        oldest.account, oldest.debtor = debtor.account, debtor
        escalations.open_case(oldest, Reason.UNREAD_REPLIES)


@contextmanager
def _locked(account: Account, debtor_id: uuid.UUID) -> Iterator[Debtor]:
    with transaction.atomic():
        yield aliases.lock(account, debtor_id)


def _announce(debtor: Debtor, actor: Actor, kind: str, reason: str) -> None:
    """Add an entry to the timeline of each open invoice, and send `debtor_changed`."""
    timeline.note_on_open(debtor, kind, actor, reason=reason)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)
