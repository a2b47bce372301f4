"""The first phase of an import: from the bytes of a file to its rows, unless a person must decide about columns."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from django.utils.translation import gettext as _

from inflow.canonical import canonical
from invoices.imports import columns, line_items, mapping, reading
from invoices.imports.columns import KEYS
from invoices.imports.survey import survey, undecided
from invoices.models.imports import Import, ImportRow, Kind, Outcome

READ_BATCH = 2_000


def load(
    file: Import,
    writing: Callable[[], AbstractContextManager[None]],
    save: Callable[[Sequence[ImportRow]], object],
) -> bool:
    """Make a row of each line. False if columns wait for a person. UnreadableFile if it is no such file.

    From the beginning: what a killed worker had read is read again. `writing` is a transaction of the claim's holder.
    """
    with writing():
        file.rows.all().delete()
    content = bytes(file.content)

    def heartbeat() -> None:
        with writing():
            pass

    def choose(headings: Sequence[str]) -> dict[str, str]:
        return mapping.choices_of(file, headings)

    with reading.open_file(content, file.kind, file.encoding, heartbeat) as opened:
        sheet = opened.sheet(choose)
        chosen = choose(sheet.headings)
        found = survey(file.kind, sheet.headings, sheet.understood, chosen, sheet.rows, file.date_order, heartbeat)
        file.survey, file.columns = found, found["columns"]
        taken = file.columns.values()
        file.ignored = [each[:100] for position, each in enumerate(sheet.headings) if each and position not in taken]
        with writing():
            Import.objects.filter(pk=file.pk).update(survey=found, columns=file.columns, ignored=file.ignored)
        if undecided(found) or columns.missing(file.kind, file.columns):
            return False
        _make_rows(file, opened.sheet(choose), writing)
    with writing():
        line_items.settle(file, save)
    return True


def _make_rows(file: Import, sheet: reading.Sheet, writing: Callable[[], AbstractContextManager[None]]) -> None:
    above = 0
    rows = (_row(file, line, cells, len(sheet.headings)) for line, cells in sheet.rows)
    while some := list(itertools.islice(rows, READ_BATCH)):
        for row in some:
            if row.outcome == Outcome.REPEATED and above:
                row.reason = _("Another line of the invoice on line %(line)d.") % {"line": above}
            elif row.outcome == Outcome.REPEATED:
                row.outcome = ""
            else:
                above = row.line
        with writing():
            ImportRow.objects.bulk_create(some)


def _row(file: Import, line: int, cells: Sequence[str], width: int) -> ImportRow:
    said = {name: cells[position] if position < len(cells) else "" for name, position in file.columns.items()}
    if "invoice_number" in said:
        said["invoice_number"] = canonical(said["invoice_number"])
    row = ImportRow(file=file, line=line, said=said, key=_key(file.kind, said))
    if any(cells[width:]):
        row.outcome = Outcome.REFUSED
        row.reason = _("It has more cells than there are headings: is there a comma in a cell without quotes?")
    elif file.kind == Kind.INVOICES and line_items.continues_above(said):
        row.outcome = Outcome.REPEATED
    return row


def _key(kind: str, said: dict[str, str]) -> str:
    """Return the key of a row. A payment has its reference and its invoice, because one transfer may pay several."""
    key = said.get(KEYS[kind], "")[:100]
    return f"{key}\n{said.get('invoice_number', '')[:64]}" if kind == Kind.PAYMENTS and key else key
