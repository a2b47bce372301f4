"""Rows that refer to a debtor: moved by a merge, and moved back when it is undone."""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db.models import Exists, ManyToOneRel, Model, OuterRef, UniqueConstraint
from django.utils import timezone

from invoices.debtors import debtor_parties, parties
from invoices.models import (
    Contact,
    ContactCorrection,
    CreditNote,
    Debtor,
    DebtorMerge,
    Invoice,
    Receipt,
)

# Columns that refer to a debtor and stay as they are. Notes and the log of what was agreed with whom are append-only.
_STAYING = frozenset(
    {
        ("invoices.debtor", "merged_into"),
        ("invoices.debtormerge", "loser"),
        ("invoices.debtormerge", "winner"),
        ("invoices.possibleduplicate", "one"),
        ("invoices.possibleduplicate", "other"),
        ("communications.consententry", "debtor"),
        ("invoices.note", "debtor"),
    }
)
# Models with the column `party`, which is empty for the debtor's own party.
_OF_A_PARTY: tuple[type[Model], ...] = (Contact, ContactCorrection, Receipt, CreditNote)
# Fields of the remaining debtor that a merge may change.
_COMBINED = (
    *("opted_out_at", "answered_at", "unhandled_answers", "unhandled_since"),
    *("never_chase", "never_chase_reason", "owner_id", "tags"),
)


def relations() -> Iterator[tuple[type[Model], str]]:
    """Yield each model with its column that refers to a debtor, unless it stays as it is."""
    for relation in Debtor._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            model, column = relation.related_model, relation.field.name
            if model._meta.managed and (model._meta.label_lower, column) not in _STAYING:
                yield model, column


def move(done: DebtorMerge, model: type[Model], column: str) -> None:
    """Move the rows of the merged debtor, and store their keys."""
    rows = model._default_manager.filter(**{column: done.loser})
    ids = sorted(rows.order_by().values_list("pk", flat=True))
    if ids:
        done.moved[column_key(model, column)] = [_json(pk) for pk in ids]
        rows.update(**{column: done.winner}, **_touched(model))


def move_back(done: DebtorMerge) -> None:
    """Move back the rows that the remaining debtor still has."""
    stamped = {key: ids for key, ids in done.moved.items() if key.endswith(".party")}
    for key in done.moved.keys() - stamped.keys():
        label, column = key.rsplit(".", 1)
        model = apps.get_model(label)
        rows = model._default_manager.filter(**{column: done.winner}, pk__in=done.moved[key])
        rows.update(**{column: done.loser}, **_touched(model))
    for model in (Contact, Receipt, CreditNote):
        model._default_manager.filter(pk__in=stamped.get(column_key(model, "party"), ())).update(party="")
    newer = ContactCorrection.objects.filter(
        debtor=OuterRef("debtor"), kind=OuterRef("kind"), old=OuterRef("old"), party=""
    )
    corrections = ContactCorrection.objects.filter(pk__in=stamped.get(column_key(ContactCorrection, "party"), ()))
    corrections.exclude(Exists(newer)).update(party="")


def displace(model: type[Model], column: str, loser: Debtor, winner: Debtor) -> list[dict[str, Any]]:
    """Delete the rows that the remaining debtor has already, and return their values."""
    displaced = []
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and column in constraint.fields:
            others = {name: OuterRef(name) for name in constraint.fields if name != column}
            same = model._default_manager.filter(**others, **{column: winner})
            for row in model._default_manager.filter(Exists(same), **{column: loser}).order_by("pk"):
                displaced.append(dump(row, [field.attname for field in model._meta.concrete_fields]))
                row.delete()
    return displaced


def keep_parties(done: DebtorMerge) -> None:
    """Store the party of contacts, corrections and money without one, where the merge would change or blur it."""
    for debtor in (done.loser, done.winner):
        party = _party_to_keep(debtor, is_moving=debtor is done.loser)
        for model in _OF_A_PARTY if party else ():
            rows = model._default_manager.filter(debtor=debtor, party="")
            ids = sorted(rows.order_by().values_list("pk", flat=True))
            if ids:
                done.moved.setdefault(column_key(model, "party"), []).extend(_json(pk) for pk in ids)
                rows.update(party=party)


def _party_to_keep(debtor: Debtor, *, is_moving: bool) -> str:
    """Return the key of the party to which the debtor's own contacts belong. If the debtor stays, return it only if the
    debtor has a single party that does not have the debtor's name."""
    own = parties.of(debtor.name, debtor.company).key
    theirs = Invoice.objects.filter(debtor=debtor).order_by()
    keys: set[str] = set(theirs.values_list("party", flat=True).distinct())
    found = debtor_parties.groups(debtor.account, {own, *keys})
    if keys and len({found[key] for key in keys}) == 1 and not keys & found[own]:
        return min(keys)
    return own if is_moving else ""


def combine(done: DebtorMerge) -> None:
    """Combine fields of both on the remaining debtor: whoever is not to be written to stays so."""
    loser, winner = done.loser, done.winner
    before = dump(winner, _COMBINED)
    winner.opted_out_at = winner.opted_out_at or loser.opted_out_at
    winner.answered_at = max(filter(None, (winner.answered_at, loser.answered_at)), default=None)
    winner.unhandled_since = min(filter(None, (winner.unhandled_since, loser.unhandled_since)), default=None)
    winner.unhandled_answers += loser.unhandled_answers
    if loser.never_chase and not winner.never_chase:
        winner.never_chase, winner.never_chase_reason = True, loser.never_chase_reason
    winner.owner_id = winner.owner_id or loser.owner_id
    winner.tags = [*winner.tags, *(tag for tag in loser.tags if tag not in winner.tags)]
    winner.updated_at = timezone.now()
    after = dump(winner, _COMBINED)
    changed = [name for name in _COMBINED if before[name] != after[name]]
    done.before, done.after = ({name: each[name] for name in changed} for each in (before, after))
    winner.save(update_fields=[*changed, "updated_at"])


def _touched(model: type[Model]) -> dict[str, Any]:
    """Return the new value of `updated_at`, if the model has it."""
    return {"updated_at": timezone.now()} if model is Invoice else {}


def column_key(model: type[Model], column: str) -> str:
    """Return the key of a column in `DebtorMerge.moved`, such as "invoices.receipt.debtor"."""
    return f"{model._meta.label_lower}.{column}"


def dump(row: Model, names: Iterable[str]) -> dict[str, Any]:
    """Return the values of these columns for JSON."""
    return {name: _json(getattr(row, name)) for name in names}


def _json(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def load(model: type[Model], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of `dump` as Python's."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    return {name: fields[name].to_python(value) for name, value in values.items()}
