"""/api/zapier/invoices: parse, one verb, answer."""

import datetime as dt
import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Account, Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.etags import accepted_versions, etag
from inflow.api.idempotency import idempotent
from inflow.api.pagination import Row, address_of
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet, takes_if_match
from inflow.sql import compiled
from invoices import lifecycle, receipts
from invoices.api import representation
from invoices.api.refusals import refusals_as_problems
from invoices.api.serializers import (
    InvoiceIn,
    InvoiceOut,
    InvoicePatch,
    InvoiceQuery,
    PaymentIn,
    PaymentOut,
    PaymentQuery,
    TimelineEntryOut,
    TimelineQuery,
)
from invoices.api.upsert_views import UpsertActions
from invoices.models import Invoice, TimelineEntry

SEED_EXAMPLE = OpenApiExample(
    "An invoice",
    request_only=True,
    value={
        "invoice_number": "INV-2026-001",
        "debtor_name": "Ahmed Al Rashid",
        "debtor_company": "Gulf Trading LLC",
        "debtor_email": "ahmed@gulftrading.ae",
        "debtor_phone": "+971501234567",
        "amount": 25000,
        "currency": "AED",
        "issue_date": "2026-01-15",
        "due_date": "2026-02-14",
        "language": "en",
    },
)


def _asked(query: Mapping[str, Any], account: Account, today: dt.date) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return which parts of a list's query are constants of `_page`, and the values of the others."""
    labels = tuple((name, tuple(query[name])) for name in ("status", "payment_status") if name in query)
    asked = {name: query[name] for name in query.keys() - {"limit", "cursor", "sort", "status", "payment_status"}}
    if "is_overdue" in asked:
        asked["today"] = today
    return labels, {"account": account.id, **asked}


@compiled
def _page(
    sort: str,
    labels: Sequence[tuple[str, Sequence[str]]],
    limit: int,
    *,
    account: uuid.UUID,
    after: Sequence[Any] | None = None,
    today: dt.date | None = None,
    **asked: Any,
) -> QuerySet[Any, Row]:
    parts = InvoiceQuery.apply({**dict(labels), **asked}, Invoice.objects.filter(account=account), today)
    by, ascending = _order(sort)
    return pagination.merged(parts, representation.ROW, limit, after, by=by, ascending=ascending)


def _order(sort: str) -> tuple[tuple[str, str], bool]:
    """Return the columns of the order, which are unique together, and True if it ascends."""
    return (sort.removeprefix("-"), "id"), not sort.startswith("-")


@compiled
def _one(*, account: uuid.UUID, invoice: uuid.UUID) -> QuerySet[Any, Row]:
    return Invoice.objects.filter(account=account, pk=invoice).values(*representation.ROW)


# What PATCH changes besides what it amends.
_CHANGED = ("status", "payment_status", "notes", "hold_until")


class InvoiceViewSet(UpsertActions, ApiViewSet):
    reads_query = frozenset({"list", "put_by_query"})
    scopes = {
        **UpsertActions.scopes,
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "create": Scope.INVOICES_WRITE,
        "partial_update": Scope.INVOICES_WRITE,
    }

    @extend_schema(
        operation_id="list_invoices",
        summary="List invoices",
        parameters=[InvoiceQuery],
        responses=InvoiceOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query, account = InvoiceQuery.of(request), account_of(request)
        today = account.today()
        labels, asked = _asked(query, account, today)
        show = functools.partial(representation.of_row, today=today, stops=representation.stops_of(account))

        def read(limit: int, **after: Sequence[Any]) -> list[Row]:
            return representation.add_credit(_page(query["sort"], labels, limit, **asked, **after))

        return pagination.respond_by(request, read, query, show, by=_order(query["sort"])[0])

    @extend_schema(operation_id="get_invoice", summary="Get one invoice", responses=InvoiceOut)
    def retrieve(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        account = account_of(request)
        rows = _one(account=account.pk, invoice=invoice_id)
        if not rows:
            raise not_found()
        representation.add_credit(rows)
        shown = representation.of_row(rows[0], account.today(), representation.stops_of(account))
        return ApiResponse(shown, headers=etag(shown["version"]))

    @extend_schema(
        operation_id="create_invoice",
        summary="Create an invoice",
        request=InvoiceIn,
        responses={201: InvoiceOut},
        examples=[SEED_EXAMPLE],
    )
    @idempotent
    def create(self, request: Request) -> ApiResponse:
        account = account_of(request)
        new = lifecycle.NewInvoice(**InvoiceIn.checked(request.data, account=account))
        with refusals_as_problems():
            invoice = lifecycle.create(account, new, actor_of(request))
        location = f"{address_of(request)}/{invoice.id}"
        return ApiResponse(
            representation.of_invoice(invoice),
            status=201,
            headers={"Location": location, **etag(invoice.version)},
        )

    @extend_schema(
        operation_id="update_invoice",
        summary="Change status, notes or payment_status",
        request=InvoicePatch,
        responses=InvoiceOut,
    )
    @takes_if_match
    def partial_update(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        account = account_of(request)
        asked = InvoicePatch.checked(request.data, account=account)
        own = {name: asked.pop(name) for name in _CHANGED if name in asked}
        moment = asked.pop("source_updated_at", None)
        with refusals_as_problems():
            invoice = lifecycle.change(
                account,
                invoice_id,
                actor_of(request),
                **own,
                amendments=asked,
                source_updated_at=moment,
                if_version_in=accepted_versions(request),
            )
        return ApiResponse(representation.of_invoice(invoice), headers=etag(invoice.version))


PAYMENT_EXAMPLE = OpenApiExample(
    "A payment",
    request_only=True,
    value={"amount": 10000.5, "paid_at": "2026-02-20", "method": "bank_transfer", "reference": "FT26051-0042"},
)


class PaymentViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ, "create": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="list_payments",
        summary="The invoice's payment ledger",
        parameters=[PaymentQuery],
        responses=PaymentOut(many=True),
    )
    def list(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        query = PaymentQuery.of(request)
        account = account_of(request)
        if not Invoice.objects.for_account(account).filter(pk=invoice_id).exists():
            raise not_found()
        rows = receipts.lines_of(invoice_id).values(*representation.PAYMENT_COLUMNS)
        return pagination.respond(request, rows, query, representation.of_payment_row)

    @extend_schema(
        operation_id="record_payment",
        summary="Record a payment, or reverse one",
        request=PaymentIn,
        examples=[PAYMENT_EXAMPLE],
        responses={201: PaymentOut},
    )
    @idempotent
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        data = PaymentIn.checked(request.data)
        account, actor = account_of(request), actor_of(request)
        with refusals_as_problems():
            if reversal_of := data.pop("reversal_of", None):
                payment = lifecycle.reverse_payment(account, invoice_id, reversal_of, actor)
            else:
                payment = lifecycle.record_payment(account, invoice_id, actor, **data)
        return ApiResponse(representation.of_payment(payment), status=201)


class TimelineViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ}

    @extend_schema(
        operation_id="get_timeline",
        summary="What happened to the invoice, and why a message did or did not go out",
        parameters=[TimelineQuery],
        responses=TimelineEntryOut(many=True),
    )
    def list(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        query = TimelineQuery.of(request)
        account = account_of(request)
        if not Invoice.objects.for_account(account).filter(pk=invoice_id).exists():
            raise not_found()
        entries = TimelineEntry.objects.for_account(account).filter(invoice_id=invoice_id)
        rows = entries.values(*representation.TIMELINE_COLUMNS)
        return pagination.respond(request, rows, query, representation.of_timeline_row, by=("at", "id"), ascending=True)
