"""People's choices for columns whose meaning is unknown."""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from inflow.accounts import audit
from inflow.accounts.models import Account
from inflow.celery import wake
from invoices.errors import Refused
from invoices.imports import columns
from invoices.models.imports import Import, Phase

# Earlier files whose choices are reused. An account's files come from few programs.
_MAX_FILES = 30


def remembered(account: Account, kind: str, headings: Sequence[str]) -> dict[str, str]:
    """Return the latest choices for these headings in earlier files of this kind.

    Choices for a file with other columns are used only for columns that are otherwise unknown. For example, a choice
    for the total of one program must not hide the amount of another.
    """
    keys = columns.keys(headings)
    mapped = columns.map_columns(kind, headings)
    unknown = {keys[position] for position in mapped.unknown}
    earlier = Import.objects.for_account(account).filter(kind=kind).exclude(choices={}).order_by("-created_at")
    found: dict[str, str] = {}
    for choices, survey in earlier.values_list("choices", "survey")[:_MAX_FILES]:
        is_alike = set(columns.keys(survey.get("headings", []))) == set(keys)
        for key, name in choices.items():
            if is_alike or (key in unknown and name not in mapped.columns):
                found.setdefault(key, name)
    return found


def choices_of(file: Import, headings: Sequence[str]) -> dict[str, str]:
    """Return the choices for this file and, for other columns, those of earlier files."""
    return {**remembered(file.account, file.kind, headings), **file.choices}


def may_be_mapped(file: Import) -> bool:
    """Return True if the columns can still be chosen, because nothing of the file has been imported."""
    if file.phase == Phase.CHECKED:
        return not file.rows.filter(is_applied=True).exists()
    return file.phase == Phase.MAPPING


def decide(file: Import, choices: Mapping[str, str], actor: str) -> None:
    """Store choices, which map keys of columns to fields or to "", and read the file again."""
    headings = file.survey.get("headings", [])
    all_choices = {**_replaced(file, choices), **file.choices, **choices}
    _refuse_invalid(file.kind, headings, all_choices)
    with transaction.atomic():
        locked: Import = Import.objects.select_for_update().defer("content").get(pk=file.pk)
        if not may_be_mapped(locked):
            raise Refused("phase", "not_now", _("The import has changed in the meantime. Reload the page."))
        locked.phase, locked.choices = Phase.READING, all_choices
        locked.claim, locked.claimed_until, locked.stumbles = None, None, 0
        locked.save(update_fields=["phase", "choices", "claim", "claimed_until", "stumbles"])
        detail = {key[:60]: name for key, name in list(choices.items())[:40]}
        audit.record(file.account, actor, "import.mapped", file.file_name[:120], id=str(file.pk), columns=detail)
        transaction.on_commit(lambda: wake("invoices.tasks.work_on_import", str(file.pk)))


def _replaced(file: Import, choices: Mapping[str, str]) -> dict[str, str]:
    """Return "" for the columns whose field is now chosen for another column, so that they are ignored."""
    keys = columns.keys(file.survey.get("headings", []))
    chosen = set(choices.values()) - {""}
    return {keys[position]: "" for name, position in file.columns.items() if name in chosen and position < len(keys)}


def _refuse_invalid(kind: str, headings: list[str], choices: Mapping[str, str]) -> None:
    present = set(columns.keys(headings))
    chosen = [name for key, name in choices.items() if name and key in present]
    if twice := next((name for name in chosen if chosen.count(name) > 1), None):
        message = _("Two columns are chosen for %(field)s.")
        raise Refused("columns", "twice", message % {"field": columns.label(kind, twice)})
    if missing := columns.missing(kind, columns.map_columns(kind, headings, choices).columns):
        labels = ", ".join(str(column.label) for column in missing)
        raise Refused("columns", "missing", _("No column is chosen for %(names)s.") % {"names": labels})
