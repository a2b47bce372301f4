"""Preview of a row, by the serializers and verbs of the API, without changing anything.

An import registers invoices and payments. Of an invoice that is known it moves the due date and writes the notes;
whatever else differs is refused, as nobody can change it from outside. An invoice that the file has as closed is not
registered; if it is open here, that is a proposal for a person. A cell that is empty says nothing.
"""

from collections.abc import Mapping, Sequence

from django.db.models import Min
from django.utils.translation import gettext as _

from invoices.imports import cells
from invoices.imports.errors import RowRefused
from invoices.imports.invoice_rows import InvoicePlanner
from invoices.imports.payment_rows import PaymentPlanner
from invoices.imports.reading import MAX_CELL
from invoices.imports.rows import Plan, RowPlanner
from invoices.models.imports import Import, ImportRow, Kind, Outcome
from invoices.writing import Refused

__all__ = ["Plan", "plan"]


def plan(file: Import, rows: Sequence[ImportRow]) -> list[Plan]:
    """One for each row, as things stand."""
    known: RowPlanner = InvoicePlanner(file, rows) if file.kind == Kind.INVOICES else PaymentPlanner(file, rows)
    first = _first_lines(file, rows)
    plans = []
    for row in rows:
        try:
            if row.key and first.get(row.key, row.line) < row.line:
                raise RowRefused(_("Line %(line)d is the same one.") % {"line": first[row.key]})
            plans.append(known.plan(_checked(row.said)))
        except RowRefused as no:
            plans.append(Plan(Outcome.REFUSED, str(no)))
        except Refused as refusal:
            plans.append(Plan(Outcome.REFUSED, refusal.message))
    return plans


def _first_lines(file: Import, rows: Sequence[ImportRow]) -> dict[str, int]:
    """Map each key to the first line of a payment that has it. InvoicePlanner were handled by `repeats` before."""
    if file.kind == Kind.INVOICES:
        return {}
    keys = {row.key for row in rows} - {""}
    return dict(file.rows.filter(key__in=keys).values_list("key").annotate(Min("line")).order_by())


def _checked(said: Mapping[str, str]) -> dict[str, str]:
    for text in said.values():
        cells.refuse_errors(text)
        if len(text) > MAX_CELL:
            raise RowRefused(_("A cell has more than %(length)d characters.") % {"length": MAX_CELL})
    return {name: text for name, text in said.items() if text}
