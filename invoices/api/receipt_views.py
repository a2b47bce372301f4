"""/api/zapier/payments and apply-credit: money over several invoices."""

import uuid

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Account, Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.etags import etag
from inflow.api.idempotency import idempotent
from inflow.api.pagination import address_of
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from inflow.canonical import spellings
from invoices import ledger
from invoices.api import receipt_representation as shown
from invoices.api import representation
from invoices.api.receipt_serializers import ApplyCreditIn, ReceiptIn, ReceiptOut, ReceiptQuery, UndoIn, ids_of
from invoices.api.refusals import refusals_as_problems
from invoices.api.serializers import InvoiceOut
from invoices.debtors import aliases
from invoices.models import Allocation, Invoice, Receipt

_COMPARED = {
    "currency": "currency",
    "paid_before": "paid_at__lt",
    "paid_after": "paid_at__gt",
    "created_after": "created_at__gt",
}
_CODES = ("reference", "bank_id")

TRANSFER_EXAMPLE = OpenApiExample(
    "A transfer over two invoices",
    request_only=True,
    value={
        "amount": 35000,
        "currency": "AED",
        "paid_at": "2026-02-20",
        "method": "bank_transfer",
        "reference": "FT26051-0042",
        "allocations": [
            {"invoice_number": "INV-2026-001", "amount": 25000},
            {"invoice_number": "INV-2026-002", "amount": 9500.5},
        ],
    },
)


class ReceiptViewSet(ApiViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "create": Scope.INVOICES_WRITE,
        "void": Scope.INVOICES_WRITE,
        "reverse": Scope.INVOICES_WRITE,
    }

    @extend_schema(
        operation_id="list_receipts",
        summary="List payments with the invoices that they pay",
        parameters=[ReceiptQuery],
        responses=ReceiptOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query, account = ReceiptQuery.of(request), account_of(request)
        rows = Receipt.objects.for_account(account)
        rows = rows.filter(**{lookup: query[name] for name, lookup in _COMPARED.items() if name in query})
        rows = rows.filter(**{f"{name}__in": spellings(query[name]) for name in _CODES if name in query})
        if "debtor_id" in query:
            rows = rows.filter(debtor=aliases.current_id(account, query["debtor_id"]))
        if "status" in query:
            rows = rows.filter(status__in=query["status"])
        if "invoice_number" in query:
            numbers = spellings(query["invoice_number"])
            named = Invoice.objects.for_account(account).filter(invoice_number__in=numbers).values("pk")
            paid = Allocation.objects.filter(invoice__in=named).exclude(receipt=None).values("receipt")
            rows = rows.filter(Q(pk__in=paid) | Q(posted_on__in=named))
        return pagination.respond_whole(request, rows.values(*shown.RECEIPT_COLUMNS), query, shown.of_receipt_rows)

    @extend_schema(operation_id="get_receipt", summary="Get one payment", responses=ReceiptOut)
    def retrieve(self, request: Request, payment_id: uuid.UUID) -> ApiResponse:
        return self._shown(account_of(request), payment_id)

    @extend_schema(
        operation_id="record_receipt",
        summary="Record a payment over one or several invoices",
        description=(
            "Allocations are exact: if they exceed the payment or the balance of an invoice, the payment is refused"
            " (422). The rest, or all of it without allocations, becomes the credit of `debtor_id`, by default the"
            " debtor of the first invoice. `invoice_number` means the invoice that is not cancelled. `bank_id` is"
            " unique: sent again with equal values, the response is the recorded payment."
        ),
        request=ReceiptIn,
        examples=[TRANSFER_EXAMPLE],
        responses={201: ReceiptOut},
    )
    @idempotent
    def create(self, request: Request) -> ApiResponse:
        data = ReceiptIn.checked(request.data)
        account = account_of(request)
        parts = data.pop("allocations", [])
        with refusals_as_problems():
            ids = ids_of(account, {part["invoice_number"] for part in parts if "invoice_number" in part}, "allocations")
            receipt = ledger.record_receipt(
                account,
                actor_of(request),
                debtor_id=data.pop("debtor_id", None),
                paid_at=data.pop("paid_at", None) or account.today(),
                allocations=[(part.get("invoice_id") or ids[part["invoice_number"]], part["amount"]) for part in parts],
                **data,
            )
        location = {"Location": f"{address_of(request)}/{receipt.pk}"}
        return ApiResponse(shown.of_receipt(self._stored(account, receipt.pk)), status=201, headers=location)

    @extend_schema(
        operation_id="void_payment",
        summary="Void a payment that was recorded by mistake",
        description=(
            "Takes back everything that the payment paid, including other invoices that were paid from its credit. The"
            " invoices return to their previous state, and no escalation is opened. A payment that is already voided or"
            " reversed is refused (422)."
        ),
        request=UndoIn,
        responses=ReceiptOut,
    )
    @idempotent
    def void(self, request: Request, payment_id: uuid.UUID) -> ApiResponse:
        given = UndoIn.checked(request.data)
        account = account_of(request)
        with refusals_as_problems():
            ledger.void_payment(account, payment_id, actor_of(request), **given)
        return self._shown(account, payment_id)

    @extend_schema(
        operation_id="reverse_payment",
        summary="Reverse a payment that the bank took back",
        description=(
            "Like void, but one level 1 escalation is opened on the oldest invoice that is outstanding again. A POST of"
            " `reversal_of` to the invoice's payments does the same."
        ),
        request=UndoIn,
        responses=ReceiptOut,
    )
    @idempotent
    def reverse(self, request: Request, payment_id: uuid.UUID) -> ApiResponse:
        given = UndoIn.checked(request.data)
        account = account_of(request)
        with refusals_as_problems():
            ledger.reverse_payment(account, None, payment_id, actor_of(request), **given)
        return self._shown(account, payment_id)

    def _stored(self, account: Account, payment_id: uuid.UUID) -> Receipt:
        receipt: Receipt | None = Receipt.objects.for_account(account).filter(pk=payment_id).first()
        if receipt is None:
            raise not_found()
        return receipt

    def _shown(self, account: Account, payment_id: uuid.UUID) -> ApiResponse:
        return ApiResponse(shown.of_receipt(self._stored(account, payment_id)))


class CreditViewSet(ApiViewSet):
    scopes = {"create": Scope.INVOICES_WRITE}

    @extend_schema(
        operation_id="apply_credit",
        summary="Pay an invoice from its debtor's credit",
        description=(
            "Applies `amount`, or as much as possible without it, from the oldest payment or credit note on. Above the"
            " balance or the credit it is refused (422)."
        ),
        request=ApplyCreditIn,
        responses=InvoiceOut,
    )
    @idempotent
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        given = ApplyCreditIn.checked(request.data)
        account = account_of(request)
        with refusals_as_problems():
            ledger.apply_credit(account, invoice_id, actor_of(request), key=uuid.uuid4(), **given)
        invoice = Invoice.objects.select_related("account").get(pk=invoice_id)
        return ApiResponse(representation.of_invoice(invoice), headers=etag(invoice.version))
