"""An idiomatic django-ninja API: ModelSchema, APIKeyHeader, pagination by slicing."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import ModelSchema, NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.security import APIKeyHeader

from benchmarks.peers._shared import FIELDS, a_debtor, is_limited, key_of
from inflow.accounts.models import ApiKey
from invoices.models import Invoice


class Key(APIKeyHeader):
    param_name = "X-InFlow-Key"

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey | None:
        found = key_of(key or "")
        if found and is_limited(request, found):
            raise HttpError(429, "Too many requests.")
        return found


class InvoiceOut(ModelSchema):
    balance: Decimal

    class Meta:
        model = Invoice
        fields = [name for name in FIELDS if name != "balance"]


class InvoiceIn(Schema):
    invoice_number: str
    debtor_name: str
    amount: Decimal
    currency: str
    issue_date: dt.date
    due_date: dt.date
    debtor_company: str = ""
    debtor_email: str = ""
    debtor_phone: str = ""
    language: str = "en"
    notes: str = ""


class InvoicePatch(Schema):
    status: str | None = None
    notes: str | None = None


api = NinjaAPI(auth=Key())


def _rows(request: HttpRequest) -> Any:
    return Invoice.objects.filter(account=request.auth.account)  # type: ignore[attr-defined]


@api.get("/invoices", response=list[InvoiceOut])
def many(request: HttpRequest, limit: int = 50) -> Any:
    return _rows(request).order_by("-created_at", "-id")[: min(limit, 100)]


@api.get("/invoices/{uuid:invoice_id}", response=InvoiceOut)
def one(request: HttpRequest, invoice_id: uuid.UUID) -> Any:
    return get_object_or_404(_rows(request), pk=invoice_id)


@api.post("/invoices", response={201: InvoiceOut})
def create(request: HttpRequest, data: InvoiceIn) -> Any:
    account = request.auth.account  # type: ignore[attr-defined]
    return 201, Invoice.objects.create(account=account, debtor_id=a_debtor(account.pk), **data.dict())


@api.patch("/invoices/{uuid:invoice_id}", response=InvoiceOut)
def change(request: HttpRequest, invoice_id: uuid.UUID, data: InvoicePatch) -> Any:
    invoice = get_object_or_404(_rows(request), pk=invoice_id)
    for name, value in data.dict(exclude_unset=True).items():
        setattr(invoice, name, value)
    invoice.save()
    return invoice


urlpatterns = [path("api/zapier/", api.urls)]
