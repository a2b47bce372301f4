"""Merging of rows with the same invoice number, for exports that have one row for each line item.

Rows are merged into one invoice if they agree and their amount is certainly the invoice's total. Otherwise none of them
is imported, because a debtor must not be asked for a part of the amount, or for too much.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

from django.db.models import Count
from django.utils.translation import gettext as _

from inflow.sql import Batch
from invoices.imports import columns
from invoices.imports.statuses import Document, document_of
from invoices.models.imports import Import, ImportRow, Kind, Outcome

# Fields that may differ between the lines of an invoice.
_LINE_FIELDS = ("notes",)
_MAX_LISTED = 5
_BATCH = 2_000


def merge(file: Import) -> None:
    """Set the outcome of all rows that share their number with others."""
    if file.kind != Kind.INVOICES:
        return
    shared = file.rows.exclude(key="").order_by().values("key").annotate(count=Count("pk")).filter(count__gt=1)
    rows = file.rows.filter(key__in=shared.values("key"), outcome="").order_by("key", "line")
    batch, count = Batch(), 0
    for _key, group in groupby(rows.iterator(_BATCH), key=lambda row: row.key):
        for row in _merged(file, [row for row in group if _is_invoice(row)]):
            batch.update(row, "outcome", "reason", "said")
            count += 1
        if count >= _BATCH:
            batch.flush()
            count = 0
    batch.flush()


def continues_above(texts: Mapping[str, str]) -> bool:
    """Return True if the row has nothing but notes, so that it belongs to the invoice above."""
    return not any(text for name, text in texts.items() if name not in _LINE_FIELDS)


def _is_invoice(row: ImportRow) -> bool:
    """Return True if the row is not of another document type, which is refused separately."""
    return document_of(row.said.get("document_type", "")) in (None, Document.INVOICE)


def _merged(file: Import, rows: list[ImportRow]) -> list[ImportRow]:
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
        if name in _LINE_FIELDS:
            continue
        found: dict[str, int] = {}
        for row in rows:
            if text := row.said.get(name, ""):
                found.setdefault(text, row.line)
        if len(found) > 1:
            values = [_("%(text)s on line %(line)d") % {"text": text[:60], "line": found[text]} for text in found]
            return _(
                "The file has this invoice on %(count)d lines that differ in %(field)s: %(found)s. None of them is"
                " imported. Export one row for each invoice, or the invoice's total on each of its rows."
            ) % {"count": len(rows), "field": columns.label(file.kind, name), "found": _listed(values)}
    return ""


def _doubt(file: Import, rows: Sequence[ImportRow]) -> str:
    """Return a message if equal amounts may be those of two lines or the total twice, or else an empty string."""
    if file.survey.get("is_whole") or sum(bool(row.said.get("amount")) for row in rows) < 2:
        return ""
    return _(
        "The file has this invoice on lines %(lines)s, and “%(heading)s” may be the amount of each line or of the whole"
        " invoice. None of them is imported. Export one row for each invoice, or its total as “Invoice total”."
    ) % {
        "lines": _listed([str(row.line) for row in rows]),
        "heading": file.survey.get("headings_of", {}).get("amount", columns.label(file.kind, "amount")),
    }


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_MAX_LISTED]) + (", …" if len(texts) > _MAX_LISTED else "")
