"""Planning of rows with the API's serializers and checks, without changing anything.

Unknown invoices and payments are registered, and known invoices amended. An invoice that is closed in the file is not
registered; if it is open here, closing it is proposed to a person. Empty cells change nothing.
"""

from collections.abc import Mapping, Sequence

from django.db.models import Min
from django.utils.translation import gettext as _

from invoices.errors import Refused
from invoices.imports import cells
from invoices.imports.errors import RowRefused
from invoices.imports.invoice_rows import InvoicePlanner
from invoices.imports.parsing.bounds import MAX_CELL
from invoices.imports.payment_rows import PaymentPlanner
from invoices.imports.rows import Plan
from invoices.models.imports import Import, ImportRow, Kind, Outcome

__all__ = ["Plan", "plan"]


def plan(file: Import, rows: Sequence[ImportRow]) -> list[Plan]:
    """Return a plan for each row, based on the current data."""
    planner = InvoicePlanner(file, rows) if file.kind == Kind.INVOICES else PaymentPlanner(file, rows)
    first = _first_lines(file, rows)
    plans = []
    for row in rows:
        try:
            if row.key and first.get(row.key, row.line) < row.line:
                raise RowRefused(_("Line %(line)d has the same payment.") % {"line": first[row.key]})
            plans.append(planner.plan(_checked(row.said)))
        except (RowRefused, Refused) as refusal:
            plans.append(Plan(Outcome.REFUSED, str(refusal)))
    return plans


def _first_lines(file: Import, rows: Sequence[ImportRow]) -> dict[str, int]:
    """Map the keys of payments to their first lines. For invoices, `line_items` has merged the rows before."""
    if file.kind == Kind.INVOICES:
        return {}
    keys = {row.key for row in rows} - {""}
    return dict(file.rows.filter(key__in=keys).values_list("key").annotate(Min("line")).order_by())


def _checked(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the cells that are not empty. Raise `RowRefused` if one is too long or holds an error."""
    for text in texts.values():
        cells.refuse_errors(text)
        if len(text) > MAX_CELL:
            raise RowRefused(_("A cell has more than %(length)d characters.") % {"length": MAX_CELL})
    return {name: text for name, text in texts.items() if text}
