"""Many invoices in one request: some rows in each transaction, each row by itself."""

from collections.abc import Sequence
from typing import Any

from django.db import OperationalError, transaction
from rest_framework.request import Request

from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.api import errors
from invoices.api import upserts

MAX_ROWS = 100
ROWS_PER_REQUEST = 10
_BATCH = 25


def run(request: Request, account: Account, actor: Actor, rows: Sequence[Any], *, upsert: bool) -> list[dict[str, Any]]:
    """Return one result for each row, in their order."""
    results: list[dict[str, Any]] = []
    for start in range(0, len(rows), _BATCH):
        batch = list(enumerate(rows[start : start + _BATCH], start))
        try:
            results += _run(request, account, actor, batch, upsert=upsert)
        except OperationalError:  # such as a deadlock with another request
            for row in batch:
                results += _run(request, account, actor, [row], upsert=upsert)
    return results


def _run(
    request: Request, account: Account, actor: Actor, rows: Sequence[tuple[int, Any]], *, upsert: bool
) -> list[dict[str, Any]]:
    results = []
    with transaction.atomic():
        for index, row in rows:
            try:
                with transaction.atomic():
                    if upsert:
                        invoice, outcome, _ = upserts.upsert(account, actor, row)
                        status = 201 if outcome == "created" else 200
                    else:
                        invoice, status = upserts.create(account, actor, row), 201
            except OperationalError:
                raise
            except Exception as error:
                problem = errors.problem_of(error)
                if problem is None:
                    raise
                shown = errors.body(request, problem.status_code, problem.code, str(problem.detail), problem.errors)
                del shown["instance"], shown["request_id"]
                results.append({"index": index, "status": problem.status_code, "problem": shown})
            else:
                results.append({"index": index, "status": status, "id": invoice.pk})
    return results
