"""Loading of a file's rows into the database, unless a person must first choose columns."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from django.utils.translation import gettext as _

from inflow.canonical import canonical
from inflow.sql import Batch
from invoices.imports import columns, line_items, mapping, reading
from invoices.imports.columns import KEYS
from invoices.imports.survey import survey, undecided
from invoices.models.imports import Import, ImportRow, Kind, Outcome

READ_BATCH = 2_000


def load(file: Import, writing: Callable[[], AbstractContextManager[None]]) -> bool:
    """Create the rows of a file. Return False if a person must choose columns first.

    A second call starts again. `writing` opens a transaction of the claim's holder. Raise `UnreadableFile` if the file
    can't be read.
    """
    with writing():
        file.rows.all().delete()

    def heartbeat() -> None:
        with writing():
            pass

    def choose(headings: Sequence[str]) -> dict[str, str]:
        return mapping.choices_of(file, headings)

    with reading.open_file(bytes(file.content), file.kind, file.encoding, heartbeat) as opened:
        sheet = opened.sheet(choose)
        file.survey = survey(
            file.kind, sheet.headings, sheet.mapping, choose(sheet.headings), sheet.rows, file.date_order, heartbeat
        )
        file.columns = file.survey["columns"]
        used = file.columns.values()
        file.ignored = [each[:100] for position, each in enumerate(sheet.headings) if each and position not in used]
        with writing():
            file.save(update_fields=["survey", "columns", "ignored"])
        if undecided(file.survey) or columns.missing(file.kind, file.columns):
            return False
        _create_rows(file, opened.sheet(choose), writing)
    with writing():
        line_items.merge(file)
    return True


def _create_rows(file: Import, sheet: reading.Sheet, writing: Callable[[], AbstractContextManager[None]]) -> None:
    above = 0
    rows = (_row(file, line, cells, len(sheet.headings)) for line, cells in sheet.rows)
    while batch := list(itertools.islice(rows, READ_BATCH)):
        for row in batch:
            if row.outcome != Outcome.REPEATED:
                above = row.line
            elif above:
                row.reason = _("Another line of the invoice on line %(line)d.") % {"line": above}
            else:
                row.outcome = ""
        with writing():
            inserted = Batch()
            for row in batch:
                inserted.insert(row)
            inserted.flush()


def _row(file: Import, line: int, cells: Sequence[str], width: int) -> ImportRow:
    texts = {name: cells[position] if position < len(cells) else "" for name, position in file.columns.items()}
    if "invoice_number" in texts:
        texts["invoice_number"] = canonical(texts["invoice_number"])
    row = ImportRow(file=file, line=line, said=texts, key=_key(file.kind, texts))
    if any(cells[width:]):
        row.outcome = Outcome.REFUSED
        row.reason = _("The row has more cells than there are headings. A cell with a comma may need quotes.")
    elif file.kind == Kind.INVOICES and line_items.continues_above(texts):
        row.outcome = Outcome.REPEATED
    return row


def _key(kind: str, texts: dict[str, str]) -> str:
    """Return the key of a row. A payment's key includes the invoice, because one transfer may pay several invoices."""
    key = texts.get(KEYS[kind], "")[:100]
    return f"{key}\n{texts.get('invoice_number', '')[:64]}" if kind == Kind.PAYMENTS and key else key
