"""Notes about invoices and debtors. A note mentions people of the account as @name or @name@example.com."""

import re
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.sql import account_scope
from invoices import signals, subjects, timeline
from invoices.debtors import aliases
from invoices.models import Debtor, Invoice, Note

MAX_TEXT = 10_000
_MENTION = re.compile(r"(?<![\w.@+-])@([\w.+-]+(?:@[\w.-]+)?)")


def add(account: Account, invoice_id: uuid.UUID, actor: Actor, text: str, *, key: uuid.UUID | None = None) -> Note:
    """Add a note to the invoice, whatever its status, and to its timeline. The invoice's version does not change.

    `key` is that of a form, which adds one note however often it is submitted.
    """
    with account_scope(account):
        invoice: Invoice = subjects.find(account, invoice_id, None)["invoice"]
        note, is_new = _create(account, actor, text, key, invoice=invoice)
        if is_new:
            timeline.note(invoice, "note", actor, reason=text)
            _announce(note, actor)
    return note


def add_to_debtor(
    account: Account, debtor_id: uuid.UUID, actor: Actor, text: str, *, key: uuid.UUID | None = None
) -> Note:
    """Add a note to the debtor, or to the one that replaces it."""
    with account_scope(account):
        about = subjects.find(account, None, debtor_id)
        note, is_new = _create(account, actor, text, key, **about)
        if is_new:
            _announce(note, actor)
    return note


def of_invoice(invoice: Invoice) -> QuerySet[Note]:
    """Return the notes about an invoice and about its debtor, the newest first."""
    return _shown(Q(invoice=invoice.pk) | Q(debtor__in=aliases.ids_of(invoice.debtor_id)), invoice.account_id)


def of_debtor(debtor: Debtor) -> QuerySet[Note]:
    """Return the notes about a debtor, about those merged into it and about its invoices, the newest first."""
    about_it = _shown(Q(debtor__in=aliases.ids_of(debtor.pk)), debtor.account_id)
    about_invoices = _shown(Q(invoice__debtor=debtor.pk), debtor.account_id)
    # Not a condition with OR, for which PostgreSQL would read all notes.
    return about_it.order_by().union(about_invoices.order_by(), all=True).order_by("-created_at", "-id")


def _shown(condition: Q, account_id: uuid.UUID) -> QuerySet[Note]:
    found: QuerySet[Note] = Note.objects.filter(condition, account=account_id).select_related("invoice", "debtor")
    return found.order_by("-created_at", "-id")


def people(account_id: uuid.UUID) -> QuerySet[User]:
    """Return the people of the account who can be mentioned."""
    return User.objects.filter(account=account_id, is_active=True).order_by("email")


def handles(members: Iterable[User]) -> dict[str, User]:
    """Return people by the names that mention them: the address, and its first part if no other person has it."""
    by_address = {member.email.lower(): member for member in members}
    first_parts = Counter(address.partition("@")[0] for address in by_address)
    short = {address.partition("@")[0]: member for address, member in by_address.items()}
    return by_address | {name: member for name, member in short.items() if first_parts[name] == 1}


def mentioned(text: str, members: Iterable[User]) -> list[User]:
    """Return the people whom the text mentions, each once."""
    known = handles(members)
    names = (name.lower().rstrip(".-+_") for name in _MENTION.findall(text))
    return list({known[name].pk: known[name] for name in names if name in known}.values())


def _create(account: Account, actor: Actor, text: str, key: uuid.UUID | None, **about: Any) -> tuple[Note, bool]:
    values = {"author": actor.name, "at": account.now()}
    return subjects.create_once(Note, key, values, account=account, text=text, **about)


def _announce(note: Note, actor: Actor) -> None:
    members = mentioned(note.text, people(note.account_id)) if "@" in note.text else []
    signals.note_added.send(Note, note=note, actor=actor, mentioned=members)
