"""/api/zapier/invoices/:id/document: the PDF or the XML of an invoice."""

import uuid
from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import Problem, not_found
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api.refusals import refusals_as_problems
from invoices.documents import contents, documents
from invoices.documents.bounds import MAX_BYTES
from invoices.models import Document, DocumentKind, Invoice

_KINDS = {
    "application/pdf": DocumentKind.PDF,
    "application/xml": DocumentKind.UBL,
    "text/xml": DocumentKind.UBL,
}


class BytesParser(BaseParser):
    """A parser that returns the body as it is, at most as long as a document may be."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        data: bytes = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Problem(413, "body_too_large", contents.too_large())
        return data


class PDFParser(BytesParser):
    media_type = "application/pdf"


class XMLParser(BytesParser):
    media_type = "application/xml"


class TextXMLParser(BytesParser):
    media_type = "text/xml"


class DifferenceOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    document = serializers.CharField()
    invoice = serializers.CharField()


class DocumentOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    invoice_id = serializers.UUIDField()
    kind = serializers.ChoiceField(DocumentKind.choices)
    file_name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField()
    values = serializers.DictField(
        child=serializers.CharField(), help_text="The number, dates, amounts and parties of an electronic invoice."
    )
    differences = DifferenceOut(many=True, help_text="Where an electronic invoice differs from the registered one.")
    is_withheld = serializers.BooleanField(
        help_text="Not sent to the debtor, because the invoice named another party when it was uploaded."
    )
    created_at = serializers.DateTimeField()


def _shown(document: Document, invoice: Invoice) -> dict[str, Any]:
    found = documents.differences(document, invoice)
    return {
        "id": document.pk,
        "invoice_id": document.invoice_id,
        "kind": document.kind,
        "file_name": document.file_name,
        "size": document.size,
        "sha256": document.sha256,
        "values": document.content,
        "differences": [dict(zip(("field", "document", "invoice"), each, strict=True)) for each in found],
        "is_withheld": not document.is_for(invoice),
        "created_at": document.created_at,
    }


class DocumentViewSet(ApiViewSet):
    scopes = {"retrieve": Scope.INVOICES_READ, "replace": Scope.INVOICES_WRITE}
    http_method_names = ["get", "put", "head"]
    parser_classes = [PDFParser, XMLParser, TextXMLParser]

    @extend_schema(
        operation_id="get_document",
        summary="Download the invoice's document",
        responses={(200, media_type): OpenApiTypes.BINARY for media_type in documents.MEDIA_TYPES.values()},
    )
    def retrieve(self, request: Request, invoice_id: uuid.UUID) -> HttpResponse:
        invoice = self._invoice(request, invoice_id)
        response = documents.response(documents.of(invoice), invoice.invoice_number)
        if response is None:
            raise not_found()
        return response

    @extend_schema(
        operation_id="put_document",
        summary="Attach the invoice's PDF or UBL XML, or replace it",
        description=(
            "The body is the file itself, at most 10 MiB, not JSON. Its content decides whether it is a PDF or a UBL"
            " 2.1 invoice (also of PINT AE and ZATCA). The same file again changes nothing, but"
            " for an invoice that names another party since: the document is not sent to it before that."
        ),
        request=dict.fromkeys(_KINDS, OpenApiTypes.BINARY),
        responses={200: DocumentOut, 201: DocumentOut},
    )
    def replace(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        invoice = self._invoice(request, invoice_id)
        # DRF calls no parser and checks no media type if the body is empty.
        content = request.data if isinstance(request.data, bytes) else b""
        is_new = documents.of(invoice) is None
        kind = _KINDS.get(request.content_type.partition(";")[0].strip().lower())
        with refusals_as_problems():
            document = documents.attach(account_of(request), invoice_id, actor_of(request), content, kind=kind)
        return ApiResponse(_shown(document, invoice), status=201 if is_new else 200)

    def _invoice(self, request: Request, invoice_id: uuid.UUID) -> Invoice:
        invoice: Invoice | None = Invoice.objects.for_account(account_of(request)).filter(pk=invoice_id).first()
        if invoice is None:
            raise not_found()
        return invoice
