"""Finding or making the debtor of an invoice, and changes to debtors."""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import CharField, Exists, F, Func, OuterRef, Q, QuerySet, Value

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.sql import compiled
from invoices import signals, timeline
from invoices.cases import escalations
from invoices.debtors import contacts, debtor_parties, parties
from invoices.debtors.contacts import BadPhone, normalise_email, normalise_phone
from invoices.debtors.parties import Party
from invoices.models import OPEN, CaseStatus, Debtor, Escalation, Invoice, Reason
from invoices.models.identities import ContactCorrection, ContactKind, DebtorIdentity

__all__ = ["BadPhone", "find_or_make", "normalise_email", "normalise_phone"]

# So many answers in a row, all unhandled, open an escalation.
UNREAD_IN_A_ROW = 3


def find_or_make(account: Account, *, name: str, company: str, email: str, phone: str) -> Debtor:
    """Return the debtor of an invoice: of the same party, and joined to it by a contact (see `_matches`). The same
    mailbox or phone alone never joins two parties. Parallel calls with one party get the same row."""
    party, email = parties.of(name, company), normalise_email(email)
    found, is_known_so = _find(account, party, email, phone)
    if found and is_known_so:
        return found
    with transaction.atomic():
        _lock(account, party)
        found, is_known_so = _find(account, party, email, phone)
        if found is None:
            found = Debtor(account=account, name=name, company=company, email=email, phone=phone, page_key=uuid.uuid4())
            found.save(force_insert=True)
        if not is_known_so:
            remember(found, party, email, phone)
    return found


def remember(debtor: Debtor, party: Party, email: str, phone: str) -> None:
    """Let the next invoice of this party with these contacts find the debtor."""
    identity = DebtorIdentity(
        account_id=debtor.account_id, debtor=debtor, base=party.base, form=party.form, email=email, phone=phone
    )
    DebtorIdentity.objects.bulk_create([identity], ignore_conflicts=True)


def _find(account: Account, party: Party, email: str, phone: str) -> tuple[Debtor | None, bool]:
    """Return the debtor, and if it is known by exactly this party with these contacts."""
    domain = contacts.own_domain_of(email) if email else None
    rows = _matches(
        account=account.pk, base=party.base, email=email or None, domain=domain or None, phone=phone or None
    )
    if any(row["form"] != party.form for row in rows):
        forms = debtor_parties.known_forms(account, party.base)
        rows = [row for row in rows if parties.is_same(party, Party(party.base, row["form"]), forms)]
    found = {row["debtor_id"]: row for row in rows}
    if not found:
        return None, False
    debtor_id = next(iter(found))
    if len(found) > 1:
        newest = Invoice.objects.filter(debtor__in=found).order_by("-created_at", "-invoice_number")
        debtor_id = newest.values_list("debtor_id", flat=True).first() or debtor_id
    debtor = Debtor.from_db(connection.alias, _DEBTOR, [found[debtor_id][f"debtor__{name}"] for name in _DEBTOR])
    debtor.account = account
    exact = (debtor_id, party.form, email, phone)
    return debtor, any((row["debtor_id"], row["form"], row["email"], row["phone"]) == exact for row in rows)


_DEBTOR = [field.attname for field in Debtor._meta.concrete_fields]


@compiled
def _matches(
    *, account: uuid.UUID, base: str, email: str | None, domain: str | None, phone: str | None
) -> QuerySet[Any, dict[str, Any]]:
    """Return the identities of the name, whatever its form, that are joined to these contacts: by the same email; by
    the same mail domain, unless it is a public mail host; by the same phone if one side has no email; or because
    neither side has any contact."""
    theirs = DebtorIdentity.objects.filter(debtor=OuterRef("debtor"), base=base)
    if email:
        joined = Q(email=email)
        if domain:
            joined |= Q(domain=domain)
        if phone:
            joined |= Q(~Exists(theirs.exclude(email="")), phone=phone)
    elif phone:
        joined = Q(phone=phone)
    else:
        joined = ~Q(Exists(theirs.exclude(email="", phone="")))
    of_email = Func(F("email"), Value("@"), Value(2), function="split_part", output_field=CharField())
    known = DebtorIdentity.objects.alias(domain=of_email).filter(joined, account=account, base=base)
    whole = (f"debtor__{name}" for name in _DEBTOR)
    rows: QuerySet[Any, Any] = known.order_by("id").values("debtor_id", "form", "email", "phone", *whole)
    return rows


def _lock(account: Account, party: Party) -> None:
    """Until the transaction ends, nobody else makes or joins a debtor of this name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"debtor {account.pk} {party.base}"])


def note_edit(before: Debtor, debtor: Debtor, actor: Actor) -> None:
    """Staff edited a debtor, whose row the caller has locked: a contact that they replaced is replaced on the debtor's
    invoices too, and the next invoice finds the debtor as it is now."""
    for kind, old, new in (
        (ContactKind.EMAIL.value, before.email, debtor.email),
        (ContactKind.PHONE.value, before.phone, debtor.phone),
    ):
        if old != new:
            replace_contact(debtor, kind, old, new, actor)
    names = ("name", "company", "email", "phone")
    if any(getattr(before, name) != getattr(debtor, name) for name in names):
        remember(debtor, parties.of(debtor.name, debtor.company), debtor.email, debtor.phone)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def replace_contact(debtor: Debtor, kind: str, old: str, new: str, actor: Actor) -> None:
    """Write to `new` where this debtor's invoices were given `old`, from now on."""
    theirs = ContactCorrection.objects.filter(debtor=debtor, kind=kind)
    theirs.filter(old=new).delete()  # it is right again; and no chain of corrections ends where it began
    at = debtor.account.now()
    what = {"account": debtor.account, "new": new, "actor": actor.name, "at": at}
    ContactCorrection.objects.update_or_create(debtor=debtor, kind=kind, old=old, defaults=what)
    for invoice in debtor.invoices.filter(status__in=OPEN).order_by("id"):
        invoice.account, invoice.debtor = debtor.account, debtor
        timeline.note(invoice, "contact_replaced", actor, contact=kind, old=old or "–", new=new or "–")


def opt_out(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """Nothing is sent to this debtor any more; what is about to pass the gate waits for this and sees it."""
    with _changing(account, debtor_id) as debtor:
        if debtor.opted_out_at is None:
            debtor.opted_out_at = account.now()
            _tell(debtor, actor, "opted_out", reason)
    return debtor


def opt_in(account: Account, debtor_id: uuid.UUID, actor: Actor, *, reason: str = "") -> Debtor:
    """The debtor wishes to hear from us again."""
    with _changing(account, debtor_id) as debtor:
        if debtor.opted_out_at is not None:
            debtor.opted_out_at = None
            _tell(debtor, actor, "opted_in", reason)
    return debtor


def note_answer(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Record an answer of the debtor: messages wait for a person, until the end of the third working day after it."""
    with transaction.atomic():
        hold_for_answer(account, debtor_id, actor, account.now())
        return tell_answer(account, debtor_id, actor, text=text)


def hold_for_answer(account: Account, debtor_id: uuid.UUID, actor: Actor, at: dt.datetime) -> Debtor:
    """Hold messages because the debtor answered. Each answer holds them anew."""
    with _changing(account, debtor_id) as debtor:
        debtor.answered_at = at
        debtor.unhandled_since = debtor.unhandled_since or debtor.answered_at
        debtor.unhandled_answers += 1
        _save_answers(debtor, actor)
    return debtor


def tell_answer(account: Account, debtor_id: uuid.UUID, actor: Actor, *, text: str = "") -> Debtor:
    """Write an answer to the timelines. The third one in a row that nobody handles opens an escalation, once."""
    with _changing(account, debtor_id) as debtor:
        _tell(debtor, actor, "answered", text)
        if debtor.unhandled_answers == UNREAD_IN_A_ROW:
            _escalate_unread(debtor)
    return debtor


def handle_answer(
    account: Account,
    debtor_id: uuid.UUID,
    actor: Actor,
    *,
    reason: str = "",
    latest: dt.datetime | None = None,
    left: int = 0,
) -> Debtor:
    """Record that a person handled an answer: messages go on, unless `left` others still wait, the last since
    `latest`."""
    with _changing(account, debtor_id) as debtor:
        if debtor.answered_at is not None:
            debtor.answered_at, debtor.unhandled_answers = latest, left
            if not left:
                debtor.unhandled_since = None
            _save_answers(debtor, actor)
            if not left:
                _tell(debtor, actor, "answer_handled", reason)
    return debtor


def _save_answers(debtor: Debtor, actor: Actor) -> None:
    debtor.save(update_fields=["answered_at", "unhandled_answers", "unhandled_since"])
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)


def _escalate_unread(debtor: Debtor) -> None:
    """Open a case on the oldest open invoice, or join the one that is open there, unless these answers did so."""
    known = Escalation.objects.filter(invoice__debtor=debtor, reason=Reason.UNREAD_REPLIES)
    by_these = Q(opened_at__gte=debtor.unhandled_since)
    if known.filter(by_these | ~Q(status=CaseStatus.RESOLVED)).exists():
        return
    open_ones = debtor.invoices.filter(status__in=OPEN).select_for_update(no_key=True)
    oldest = open_ones.order_by("due_date", "issue_date", "invoice_number").first()
    if oldest:
        oldest.account, oldest.debtor = debtor.account, debtor
        escalations.open_case(oldest, Reason.UNREAD_REPLIES)


@contextmanager
def _changing(account: Account, debtor_id: uuid.UUID) -> Iterator[Debtor]:
    with transaction.atomic():
        debtor = Debtor.objects.select_for_update(no_key=True).get(account=account, pk=debtor_id)
        debtor.account = account
        yield debtor


def _tell(debtor: Debtor, actor: Actor, kind: str, reason: str) -> None:
    debtor.save()
    for invoice in debtor.invoices.filter(status__in=OPEN).order_by("id"):
        invoice.account = debtor.account
        timeline.note(invoice, kind, actor, reason=reason)
    signals.debtor_changed.send(Debtor, debtor=debtor, actor=actor)
