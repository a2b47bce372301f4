"""/api/zapier/invoices/:id/promises, /disputes and /notes: the activity on an invoice."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.idempotency import idempotent
from inflow.api.pagination import PageQuery
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices import disputes, lifecycle, notes
from invoices.api import representation
from invoices.api.activity_serializers import DisputeIn, DisputeOut, NoteIn, NoteOut, PromiseIn, PromiseOut
from invoices.api.refusals import refusals_as_problems
from invoices.models import Dispute, Invoice, Note, Promise

PROMISE_COLUMNS = (
    *("id", "invoice_id", "invoice__invoice_number", "promised_on", "amount", "hold_until", "status"),
    "created_at",
)
NOTE_COLUMNS = ("id", "text", "author", "created_at")


class PromiseViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ, "create": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="list_promises",
        summary="List the promises to pay an invoice",
        parameters=[PageQuery],
        responses=PromiseOut(many=True),
    )
    def list(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        return _page(request, invoice_id, Promise, PROMISE_COLUMNS, _of_promise_row)

    @extend_schema(
        operation_id="record_promise",
        summary="Record a promise to pay",
        description=(
            "The invoice is on hold until the end of the second working day after `promised_on`, which is at most"
            " 180 days ahead. The promise replaces an earlier one. Without `amount`, it is about the whole balance."
        ),
        request=PromiseIn,
        responses={201: PromiseOut},
        examples=[OpenApiExample("A promise", request_only=True, value={"promised_on": "2026-03-05", "amount": 5000})],
    )
    @idempotent
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        data, account = PromiseIn.checked(request.data), account_of(request)
        with refusals_as_problems():
            promise = lifecycle.promise(account, invoice_id, actor_of(request), **data)
        return ApiResponse(representation.of_promise(promise), status=201)


class DisputeViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ, "create": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="list_disputes",
        summary="List the disputes of an invoice",
        parameters=[PageQuery],
        responses=DisputeOut(many=True),
    )
    def list(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        return _page(request, invoice_id, Dispute, representation.DISPUTE_COLUMNS, representation.of_dispute_row)

    @extend_schema(
        operation_id="open_dispute",
        summary="Dispute an invoice or a part of it",
        description=(
            "The disputed amount is not chased; the rest is. If `amount` is absent, nothing is sent about the invoice."
            ' PATCH of the invoice with `"status": "new"` or `"overdue"` withdraws the dispute.'
        ),
        request=DisputeIn,
        responses={201: DisputeOut},
        examples=[
            OpenApiExample(
                "A part",
                request_only=True,
                value={"reason": "Wrong quantity", "amount": 400},
            )
        ],
    )
    @idempotent
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        data, account = DisputeIn.checked(request.data), account_of(request)
        name = data.pop("reason", "")
        with refusals_as_problems():
            reason_id = disputes.reason_named(account, name).pk if name else None
            dispute = disputes.open_dispute(account, invoice_id, actor_of(request), reason_id=reason_id, **data)
        return ApiResponse(representation.of_dispute(dispute), status=201)


class NoteViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ, "create": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="list_notes",
        summary="List the notes about an invoice",
        parameters=[PageQuery],
        responses=NoteOut(many=True),
    )
    def list(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        return _page(request, invoice_id, Note, NOTE_COLUMNS, dict)

    @extend_schema(
        operation_id="add_note",
        summary="Add a note to an invoice",
        description="Debtors never see notes.",
        request=NoteIn,
        responses={201: NoteOut},
        examples=[OpenApiExample("A note", request_only=True, value={"text": "The buyer is on leave until Monday."})],
    )
    @idempotent
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        data, account = NoteIn.checked(request.data), account_of(request)
        with refusals_as_problems():
            note = notes.add(account, invoice_id, actor_of(request), data["text"])
        return ApiResponse({name: getattr(note, name) for name in NOTE_COLUMNS}, status=201)


def _page(
    request: Request,
    invoice_id: uuid.UUID,
    model: type[Promise | Dispute | Note],
    columns: Sequence[str],
    represent: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> ApiResponse:
    """Respond with a page of the rows about an invoice, or with 404 unless it is the account's."""
    query, account = PageQuery.of(request), account_of(request)
    if not Invoice.objects.for_account(account).filter(pk=invoice_id).exists():
        raise not_found()
    rows = model.objects.for_account(account).filter(invoice=invoice_id)
    return pagination.respond(request, rows.values(*columns), query, represent)


def _of_promise_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("invoice__"): value for name, value in row.items()}
