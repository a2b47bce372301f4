"""Invoices on several rows, for exports that have one row for each invoice line.

Rows that agree, under a heading that means the whole invoice, are one invoice. Where they differ, or where the amount
may be one line's, none of them is imported: a debtor must not be asked for a part, or for more than is owed.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

from django.db.models import Count
from django.utils.translation import gettext as _

from invoices.imports import columns
from invoices.imports.statuses import Document, document_of
from invoices.models.imports import Import, ImportRow, Kind, Outcome

# These may differ from line to line.
_OWN_OF_A_LINE = ("notes",)
_MOST_NAMED = 5
_BATCH = 2_000


def settle(file: Import, save: Callable[[Sequence[ImportRow]], object]) -> None:
    """Decide about all rows of a file that share their number with others. `save` writes what became of some rows."""
    if file.kind != Kind.INVOICES:
        return
    shared = file.rows.exclude(key="").order_by().values("key").annotate(count=Count("pk")).filter(count__gt=1)
    rows = file.rows.filter(key__in=shared.values("key"), outcome="").order_by("key", "line")
    decided: list[ImportRow] = []
    for _key, group in groupby(rows.iterator(_BATCH), key=lambda row: row.key):
        decided += _settled(file, [row for row in group if _is_invoice(row)])
        if len(decided) >= _BATCH:
            save(decided)
            decided = []
    save(decided)


def continues_above(said: Mapping[str, str]) -> bool:
    """A row with nothing of an invoice but, perhaps, its notes: another line of the one above."""
    return not any(text for name, text in said.items() if name not in _OWN_OF_A_LINE)


def _is_invoice(row: ImportRow) -> bool:
    """A payment or a credit note with the number of an invoice is refused for what it is."""
    return document_of(row.said.get("document_type", "")) in (None, Document.INVOICE)


def _settled(file: Import, rows: list[ImportRow]) -> list[ImportRow]:
    if len(rows) < 2:
        return []
    first, *others = rows
    if reason := _difference(file, rows) or _doubt(file, rows):
        for row in rows:
            row.outcome, row.reason = Outcome.REFUSED, reason
        return rows
    for row in others:
        first.said = {name: text or row.said.get(name, "") for name, text in first.said.items()}
        row.outcome = Outcome.REPEATED
        row.reason = _("Another line of the invoice on line %(line)d.") % {"line": first.line}
    return rows


def _difference(file: Import, rows: Sequence[ImportRow]) -> str:
    for name in rows[0].said:
        if name in _OWN_OF_A_LINE:
            continue
        found: dict[str, int] = {}
        for row in rows:
            if text := row.said.get(name, ""):
                found.setdefault(text, row.line)
        if len(found) > 1:
            named = [_("%(text)s on line %(line)d") % {"text": text[:60], "line": found[text]} for text in found]
            return _(
                "The file has this invoice on %(count)d lines that differ in %(field)s: %(found)s. None of them is"
                " imported. Export one row for each invoice, or the invoice's total on each of its rows."
            ) % {
                "count": len(rows),
                "field": columns.label(file.kind, name),
                "found": _listed(named),
            }
    return ""


def _doubt(file: Import, rows: Sequence[ImportRow]) -> str:
    """Equal amounts under "Amount" may be those of two lines as well as one total twice."""
    if file.survey.get("is_whole") or sum(bool(row.said.get("amount")) for row in rows) < 2:
        return ""
    return _(
        "The file has this invoice on lines %(lines)s, and “%(heading)s” may be the amount of each line or of the whole"
        " invoice. None of them is imported. Export one row for each invoice, or its total as “Invoice total”."
    ) % {
        "lines": _listed([str(row.line) for row in rows]),
        "heading": file.survey.get("headings_of", {}).get("amount", columns.label(file.kind, "amount")),
    }


def _listed(named: Sequence[str]) -> str:
    return ", ".join(named[:_MOST_NAMED]) + (", …" if len(named) > _MOST_NAMED else "")
