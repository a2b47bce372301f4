"""Many invoices in one request: some rows in each transaction."""

from collections.abc import Sequence
from typing import Any

from django.db import DataError, OperationalError, transaction
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api import errors
from inflow.api.errors import Problem
from invoices import lifecycle
from invoices.api import upserts
from invoices.errors import Refused
from invoices.models import Invoice

MAX_ROWS = 100
ROWS_PER_REQUEST = 10
_BATCH = 25

# A status and the invoice, or what is wrong with the row.
Result = tuple[int, Invoice] | Exception


def run(request: Request, account: Account, actor: Actor, rows: Sequence[Any], *, upsert: bool) -> list[dict[str, Any]]:
    """Return one result for each row, in their order."""
    work = _upsert if upsert else _create
    results: list[Result] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        try:
            results += work(account, actor, batch)
        except OperationalError:  # such as a deadlock with another request
            for row in batch:
                results += work(account, actor, [row])
    return [_shown(request, index, result) for index, result in enumerate(results)]


def _create(account: Account, actor: Actor, rows: Sequence[Any], *, upsert: bool = False) -> list[Result]:
    """Register the valid rows together."""
    news: list[lifecycle.NewInvoice | ValidationError] = []
    for row in rows:
        try:
            news.append(upserts.new_invoice(account, row, upsert=upsert))
        except ValidationError as error:
            news.append(error)
    valid = [new for new in news if not isinstance(new, ValidationError)]
    made = iter(lifecycle.create_many(account, valid, actor) if valid else ())
    results: list[Result] = []
    for new in news:
        outcome = new if isinstance(new, ValidationError) else next(made)
        results.append((201, outcome) if isinstance(outcome, Invoice) else outcome)
    return results


def _upsert(account: Account, actor: Actor, rows: Sequence[Any]) -> list[Result]:
    """Register runs of rows with new numbers together, and amend the changed ones one by one."""
    results: list[Result] = []
    with transaction.atomic():
        seen: dict[str, Invoice | None] = {**upserts.known(account, rows)}
        new: list[Any] = []
        for row in rows:
            number = upserts.number_of(row)
            if number in seen:
                results += _registered(account, actor, new)
                new = []
                results.append(_upsert_one(account, actor, row, seen[number]))
                seen[number] = None  # it may have changed
            else:
                new.append(row)
                seen[number] = None
        results += _registered(account, actor, new)
    return results


def _registered(account: Account, actor: Actor, rows: Sequence[Any]) -> list[Result]:
    results = _create(account, actor, rows, upsert=True)
    for place, result in enumerate(results):
        if isinstance(result, Refused) and (result.field, result.code) == ("invoice_number", "duplicate"):
            results[place] = _upsert_one(account, actor, rows[place])  # another request registered it meanwhile
    return results


def _upsert_one(account: Account, actor: Actor, row: Any, seen: Invoice | None = None) -> Result:
    """Register or amend an invoice. `seen` is the one with this number, as it was read before."""
    try:
        values = upserts.parsed(account, row, seen)
        if seen and lifecycle.is_unchanged(seen, values.new, values.given):
            return 200, seen
        with transaction.atomic():
            invoice, outcome, _differences = upserts.upsert(account, actor, values)
    except (ValidationError, Problem, DataError) as error:
        return error
    return 201 if outcome == "created" else 200, invoice


def _shown(request: Request, index: int, result: Result) -> dict[str, Any]:
    if isinstance(result, tuple):
        status, invoice = result
        return {"index": index, "status": status, "id": invoice.pk}
    if isinstance(result, Refused):
        result = errors.invalid(result.field, result.code, result.message)
    problem = errors.problem_of(result)
    assert problem is not None
    shown = errors.body(request, problem.status_code, problem.code, str(problem.detail), problem.errors)
    del shown["instance"], shown["request_id"]
    return {"index": index, "status": problem.status_code, "problem": shown}
