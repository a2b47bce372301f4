"""A person's decisions about columns that were not understood, and their memory."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.models import Account
from inflow.celery import wake
from invoices.imports import columns
from invoices.models.imports import Import, Phase
from invoices.writing import Refused

# An account's files come out of few programs.
_REMEMBERED_FILES = 30


def remembered(account: Account, kind: str, headings: Sequence[str]) -> dict[str, str]:
    """The latest decisions about these headings in earlier files of this kind.

    Decisions about a file with other columns count only for columns that are not understood without them, so that
    the choice of one program's total does not hide the amount of another's.
    """
    keys = columns.keys(headings)
    plain = columns.map_columns(kind, headings)
    unknown = {keys[position] for position in plain.unknown}
    earlier = Import.objects.for_account(account).filter(kind=kind).exclude(choices={}).order_by("-created_at")
    known: dict[str, str] = {}
    for choices, survey in earlier.values_list("choices", "survey")[:_REMEMBERED_FILES]:
        is_alike = set(columns.keys(survey.get("headings", []))) == set(keys)
        for key, name in choices.items():
            if is_alike or (key in unknown and name not in plain.columns):
                known.setdefault(key, name)
    return known


def choices_of(file: Import, headings: Sequence[str]) -> dict[str, str]:
    """The decisions about this file, before those about earlier ones."""
    return {**remembered(file.account, file.kind, headings), **file.choices}


def may_be_mapped(file: Import) -> bool:
    """Tell whether the columns can still be chosen: nothing of the file has been imported."""
    if file.phase == Phase.CHECKED:
        return not file.rows.filter(is_applied=True).exists()
    return file.phase == Phase.MAPPING


def decide(file: Import, choices: Mapping[str, str], actor: str) -> None:
    """Take the decisions, by key of a column a field or nothing, and let a worker read the file anew."""
    headings = file.survey.get("headings", [])
    all_choices = {**_replaced(file, choices), **file.choices, **choices}
    _refuse_unfit(file.kind, headings, all_choices)
    with transaction.atomic():
        locked: Import = Import.objects.select_for_update().defer("content").get(pk=file.pk)
        if not may_be_mapped(locked):
            raise Refused("phase", "not_now", _("The import has moved on meanwhile."))
        moved = Import.objects.filter(pk=file.pk, phase=locked.phase)
        moved.update(phase=Phase.READING, choices=all_choices, claim=None, claimed_until=None, stumbles=0)
        detail = {key[:60]: name for key, name in list(choices.items())[:40]}
        audit.record(file.account, actor, "import.mapped", file.file_name[:120], id=str(file.pk), columns=detail)
        transaction.on_commit(lambda: wake("invoices.tasks.work_on_import", str(file.pk)))


def _replaced(file: Import, choices: Mapping[str, str]) -> dict[str, str]:
    """The columns that were understood, and whose field a person gives to another one: they are ignored."""
    keys = columns.keys(file.survey.get("headings", []))
    chosen = set(choices.values()) - {""}
    return {keys[position]: "" for name, position in file.columns.items() if name in chosen and position < len(keys)}


def _refuse_unfit(kind: str, headings: list[str], choices: Mapping[str, str]) -> None:
    present = set(columns.keys(headings))
    chosen = [name for key, name in choices.items() if name and key in present]
    if twice := next((name for name in chosen if chosen.count(name) > 1), None):
        raise Refused(
            "columns", "twice", _("Two columns are chosen for %(field)s.") % {"field": columns.label(kind, twice)}
        )
    understood = columns.map_columns(kind, headings, choices)
    if lacking := columns.missing(kind, understood.columns):
        named = ", ".join(str(column.label) for column in lacking)
        raise Refused("columns", "missing", _("No column is chosen for %(names)s.") % {"names": named})
