"""PUT of invoices by their number, and many invoices in one request."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api.authentication import account_of, actor_of
from inflow.api.bodies import LongJSONParser
from inflow.api.errors import not_found
from inflow.api.etags import etag
from inflow.api.idempotency import idempotent
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api import bulk, representation, upserts
from invoices.api.serializers import BulkIn, BulkRowOut, InvoicePut, NumberQuery, UpsertedOut

_DESCRIPTION = (
    "Registers the invoice, or amends the one with this number that is not cancelled. Absent fields stay as they are."
    " A cancelled number is 409 `cancelled` unless `reopen` is true. `source_updated_at` older than the last accepted"
    " one is 409 `stale`. `amount_paid` is a floor: more than is recorded is posted as an opening payment; less is"
    " named in `differences`."
)
_EXAMPLE = OpenApiExample(
    "A corrected amount and address",
    request_only=True,
    value={
        "amount": 24000,
        "debtor_email": "accounts@gulftrading.ae",
        "source_updated_at": "2026-02-01T08:30:00Z",
    },
)


class UpsertActions:
    """Actions of `InvoiceViewSet`."""

    scopes: dict[str, str | None] = {"put_by_query": Scope.INVOICES_WRITE, "put_by_number": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="put_invoice_by_number",
        summary="Create or amend the invoice with this number",
        description=_DESCRIPTION,
        parameters=[OpenApiParameter("number", str, "path", description="The invoice number, percent-encoded.")],
        request=InvoicePut,
        responses={200: UpsertedOut, 201: UpsertedOut},
        examples=[_EXAMPLE],
    )
    def put_by_number(self, request: Request, number: str) -> ApiResponse:
        if number.strip("/") != number:
            raise not_found()
        return _put(request, number)

    @extend_schema(
        operation_id="put_invoice",
        summary="Create or amend the invoice with the number in the query",
        description=f"For numbers that begin or end with a dot or a slash. {_DESCRIPTION}",
        parameters=[NumberQuery],
        request=InvoicePut,
        responses={200: UpsertedOut, 201: UpsertedOut},
        examples=[_EXAMPLE],
    )
    def put_by_query(self, request: Request) -> ApiResponse:
        return _put(request, NumberQuery.of(request)["number"])


def _put(request: Request, number: str) -> ApiResponse:
    account, actor = account_of(request), actor_of(request)
    row = upserts.parsed(account, upserts.numbered(request.data, number))
    invoice, outcome, differences = upserts.upsert(account, actor, row)
    shown = representation.of_invoice(invoice)
    if differences:
        shown["differences"] = differences
    headers = etag(invoice.version)
    if outcome == "created":
        address = request.build_absolute_uri(f"/api/zapier/invoices/{invoice.pk}")
        return ApiResponse(shown, status=201, headers=headers | {"Location": address})
    return ApiResponse(shown, headers=headers)


class BulkViewSet(ApiViewSet):
    scopes = {"create": Scope.INVOICES_WRITE}
    parser_classes = [LongJSONParser]

    def count(self, request: Request, cost: int = 1) -> None:
        """Count one request for each 10 rows. An invalid body counts as one."""
        try:
            body: Any = request.data
            rows = body["invoices"]
            cost = max(1, -(-len(rows) // bulk.ROWS_PER_REQUEST)) if len(rows) <= bulk.MAX_ROWS else 1
        except (KeyError, TypeError):
            cost = 1
        except Exception:
            super().count(request)
            raise
        super().count(request, cost)

    @extend_schema(
        operation_id="create_invoices",
        summary="Create up to 100 invoices, or create and amend them",
        description=(
            "Each row is a body of `POST /invoices`; with `upsert`, one of `PUT /invoices/by-number/:number`. The"
            " response has one result for each row, in order. A refused row does not affect the others: send it again"
            " under another Idempotency-Key. Counts as one request for each 10 rows, rounded up. The body may be 2"
            " MiB long."
        ),
        request=BulkIn,
        responses=BulkRowOut(many=True),
    )
    @idempotent
    def create(self, request: Request) -> ApiResponse:
        data = BulkIn.checked(request.data)
        account, actor = account_of(request), actor_of(request)
        return ApiResponse(bulk.run(request, account, actor, data["invoices"], upsert=data.get("upsert", False)))
