"""/api/zapier/credit-notes."""

import uuid

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.idempotency import idempotent
from inflow.api.pagination import address_of
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from inflow.canonical import spellings
from invoices import credit_notes
from invoices.api import receipt_representation as shown
from invoices.api.receipt_serializers import CreditNoteIn, CreditNoteOut, CreditNoteQuery, UndoIn, ids_of
from invoices.api.refusals import refusals_as_problems
from invoices.debtors import aliases
from invoices.models import Allocation, CreditNote, Invoice

_FILTERS = {"currency": "currency", "created_after": "created_at__gt"}

EXAMPLE = OpenApiExample(
    "A credit note against an invoice",
    request_only=True,
    value={
        "number": "CN-2026-007",
        "date": "2026-02-18",
        "amount": 1250,
        "currency": "AED",
        "invoice_number": "INV-2026-001",
    },
)


class CreditNoteViewSet(ApiViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "create": Scope.INVOICES_WRITE,
        "void": Scope.INVOICES_WRITE,
    }

    @extend_schema(
        operation_id="list_credit_notes",
        summary="List credit notes",
        parameters=[CreditNoteQuery],
        responses=CreditNoteOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query, account = CreditNoteQuery.of(request), account_of(request)
        rows = CreditNote.objects.for_account(account)
        rows = rows.filter(**{lookup: query[name] for name, lookup in _FILTERS.items() if name in query})
        if "debtor_id" in query:
            rows = rows.filter(debtor=aliases.current_id(account, query["debtor_id"]))
        if "number" in query:
            rows = rows.filter(number__in=spellings(query["number"]))
        if "status" in query:
            rows = rows.filter(status__in=query["status"])
        if "invoice_number" in query:
            numbers = spellings(query["invoice_number"])
            named = Invoice.objects.for_account(account).filter(invoice_number__in=numbers).values("pk")
            covered = Allocation.objects.filter(invoice__in=named).exclude(credit_note=None).values("credit_note")
            rows = rows.filter(Q(invoice__in=named) | Q(pk__in=covered))
        return pagination.respond(request, rows.values(*shown.CREDIT_NOTE_COLUMNS), query, shown.of_credit_note_row)

    @extend_schema(operation_id="get_credit_note", summary="Get one credit note", responses=CreditNoteOut)
    def retrieve(self, request: Request, note_id: uuid.UUID) -> ApiResponse:
        note = CreditNote.objects.for_account(account_of(request)).filter(pk=note_id).first()
        if note is None:
            raise not_found()
        return ApiResponse(shown.of_credit_note(note))

    @extend_schema(
        operation_id="issue_credit_note",
        summary="Record a credit note",
        description=(
            "Against an invoice, it lowers the invoice's balance; above the balance it is refused (422), unless"
            " `open_remainder` is true: then the rest is the debtor's credit. Without an invoice, all of it is the"
            " credit of `debtor_id`. Numbers are unique among credit notes that are not voided."
        ),
        request=CreditNoteIn,
        examples=[EXAMPLE],
        responses={201: CreditNoteOut},
    )
    @idempotent
    def create(self, request: Request) -> ApiResponse:
        data = CreditNoteIn.checked(request.data)
        account = account_of(request)
        with refusals_as_problems():
            if number := data.pop("invoice_number", None):
                data["invoice_id"] = ids_of(account, {number}, "invoice_number")[number]
            data["date"] = data.get("date") or account.today()
            note = credit_notes.issue(account, actor_of(request), **data)
        note.refresh_from_db()
        location = {"Location": f"{address_of(request)}/{note.pk}"}
        return ApiResponse(shown.of_credit_note(note), status=201, headers=location)

    @extend_schema(
        operation_id="void_credit_note",
        summary="Void a credit note that was issued by mistake",
        description="Takes back everything that it covers. A credit note that is already voided is refused (422).",
        request=UndoIn,
        responses=CreditNoteOut,
    )
    @idempotent
    def void(self, request: Request, note_id: uuid.UUID) -> ApiResponse:
        given = UndoIn.checked(request.data)
        with refusals_as_problems():
            note = credit_notes.void(account_of(request), note_id, actor_of(request), **given)
        return ApiResponse(shown.of_credit_note(note))
