"""/api/zapier/debtors/:id/merge and /duplicates, /api/zapier/debtor-merges/:id/undo."""

import uuid
from typing import Any

from django.db.models import Case, F, Q, When
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.idempotency import idempotent
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api.merge_serializers import DuplicateOut, DuplicateQuery, MergeIn, MergeOut, UndoMergeIn
from invoices.api.refusals import refusals_as_problems
from invoices.debtors import aliases, duplicates, merging
from invoices.models import Debtor, DebtorMerge

# The names of the models that a merge moves. Others have their own.
_NAMES = {
    "invoice": "invoices",
    "receipt": "receipts",
    "creditnote": "credit_notes",
    "contact": "contacts",
    "debtorexternalid": "external_ids",
    "debtoridentity": "identities",
    "contactcorrection": "corrections",
    "communication": "messages",
    "reply": "replies",
    "answer": "answers",
    "promise": "promises",
}


class MergeViewSet(ApiViewSet):
    scopes = {"merge": Scope.INVOICES_WRITE, "undo": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="merge_debtor",
        summary="Merge a debtor into another",
        description=(
            "Everything of the debtor moves to the debtor `into`, for which its id, external ids and identities stand"
            ' from then on. `"dry_run": true` says what would move, and changes nothing. Invoices of different parties'
            " keep separate messages, pages and statements."
        ),
        request=MergeIn,
        responses=MergeOut,
    )
    @idempotent
    def merge(self, request: Request, debtor_id: uuid.UUID) -> ApiResponse:
        given, account = MergeIn.checked(request.data), account_of(request)
        with refusals_as_problems():
            if given.get("dry_run"):
                return ApiResponse(_of_preview(merging.preview(account, debtor_id, given["into"])))
            done = merging.merge(account, debtor_id, given["into"], actor_of(request))
        return ApiResponse(_of_merge(done))

    @extend_schema(
        operation_id="undo_debtor_merge",
        summary="Undo a merge, within 30 days",
        description=(
            "Moves back exactly what the merge moved. What came since stays with the remaining debtor. Refused (422) if"
            " money was allocated across the two debtors since, or if a later merge of one of them stands."
        ),
        request=UndoMergeIn,
        responses=MergeOut,
    )
    @idempotent
    def undo(self, request: Request, merge_id: uuid.UUID) -> ApiResponse:
        UndoMergeIn.checked(request.data)
        with refusals_as_problems():
            done = merging.undo(account_of(request), merge_id, actor_of(request))
        return ApiResponse(_of_merge(done))


class DuplicateViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ}

    @extend_schema(
        operation_id="list_duplicates",
        summary="List the debtors that may be the same as this one",
        description="Found every night. Pairs that staff keep apart are left out.",
        parameters=[DuplicateQuery],
        responses=DuplicateOut(many=True),
    )
    def list(self, request: Request, debtor_id: uuid.UUID) -> ApiResponse:
        query, account = DuplicateQuery.of(request), account_of(request)
        debtor = Debtor.objects.for_account(account).filter(pk=debtor_id).first()
        if debtor is None:
            raise not_found()
        debtor.account = account
        pk = aliases.current(debtor).pk
        pairs = duplicates.listed(account).filter(Q(one=pk) | Q(other=pk))
        sides = {name: Case(When(one=pk, then=F(f"other__{name}")), default=F(f"one__{name}")) for name in _SIDES}
        rows = pairs.annotate(**{f"their_{name}": side for name, side in sides.items()})
        columns = (*("id", "reasons", "shared", "found_at"), *(f"their_{name}" for name in _SIDES))
        return pagination.respond(request, rows.values(*columns), query, _of_pair, by=("found_at", "id"))


_SIDES = ("id", "name", "company")


def _of_pair(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "debtor_id": row["their_id"],
        "name": row["their_name"],
        "company": row["their_company"],
        **{name: row[name] for name in ("reasons", "shared", "found_at")},
    }


def _of_preview(shown: merging.Preview) -> dict[str, Any]:
    currencies = sorted({*shown.outstanding, *shown.credit})
    return {
        "id": None,
        "dry_run": True,
        "debtor_id": shown.loser.pk,
        "into": shown.winner.pk,
        "moved": {_NAMES.get(name, name): count for name, count in shown.moves.items()},
        "amounts": [
            {"currency": each, "outstanding": shown.outstanding.get(each, 0), "credit": shown.credit.get(each, 0)}
            for each in currencies
        ],
        "effects": shown.effects,
        "merged_at": None,
        "undo_until": None,
        "undone_at": None,
    }


def _of_merge(done: DebtorMerge) -> dict[str, Any]:
    return {
        "id": done.pk,
        "dry_run": False,
        "debtor_id": done.loser_id,
        "into": done.winner_id,
        "moved": {_NAMES.get(name, name): count for name, count in merging.counts(done).items()},
        "amounts": [],
        "effects": [],
        "merged_at": done.merged_at,
        "undo_until": merging.undo_until(done),
        "undone_at": done.undone_at,
    }
