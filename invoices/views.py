"""/api/zapier/invoices: parse, one verb, answer."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from inflow.accounts.models import Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import Problem, invalid, not_found
from invoices import lifecycle, representation
from invoices.models import Invoice
from invoices.serializers import InvoiceIn, InvoicePatch, InvoiceQuery

_ETAG = re.compile(r'"([0-9]{1,9})"')


class InvoiceViewSet(ViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "create": Scope.INVOICES_WRITE,
        "partial_update": Scope.INVOICES_WRITE,
    }

    def list(self, request: Request) -> Response:
        query = InvoiceQuery.of(request)
        account = account_of(request)
        invoices = Invoice.objects.for_account(account)
        if "status" in query:
            invoices = invoices.filter(status__in=query["status"])
        today = account.today()
        rows = invoices.values(*representation.COLUMNS)
        return pagination.respond(request, rows, query, lambda row: representation.of_row(row, today))

    def retrieve(self, request: Request, invoice_id: uuid.UUID) -> Response:
        account = account_of(request)
        row = Invoice.objects.for_account(account).filter(pk=invoice_id).values(*representation.COLUMNS).first()
        if row is None:
            raise not_found()
        return Response(representation.of_row(row, account.today()), headers=_etag(row["version"]))

    def create(self, request: Request) -> Response:
        account = account_of(request)
        given = InvoiceIn(data=request.data, context={"account": account})
        given.is_valid(raise_exception=True)
        with refusals_as_problems():
            invoice = lifecycle.create(account, given.new_invoice(), actor_of(request))
        location = request.build_absolute_uri(f"{request.path}/{invoice.pk}")
        return Response(
            representation.of_invoice(invoice),
            status=201,
            headers={"Location": location, **_etag(invoice.version)},
        )

    def partial_update(self, request: Request, invoice_id: uuid.UUID) -> Response:
        given = InvoicePatch(data=request.data)
        given.is_valid(raise_exception=True)
        with refusals_as_problems():
            invoice = lifecycle.change(
                account_of(request),
                invoice_id,
                actor_of(request),
                **given.validated_data,
                if_version=_if_match(request),
            )
        return Response(representation.of_invoice(invoice), headers=_etag(invoice.version))


@contextmanager
def refusals_as_problems() -> Iterator[None]:
    """The lifecycle's refusals in HTTP's words."""
    try:
        yield
    except lifecycle.NotFound as error:
        raise not_found() from error
    except lifecycle.VersionMismatch as error:
        raise Problem(412, "version_mismatch", "The invoice has changed since the version in If-Match.") from error
    except lifecycle.StaffOnly as refusal:
        raise Problem(403, refusal.code, refusal.message) from refusal
    except lifecycle.Refused as refusal:
        raise invalid(refusal.field, refusal.code, refusal.message) from refusal


def _etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def _if_match(request: Request) -> int | None:
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        return None
    match = _ETAG.fullmatch(given)
    return int(match[1]) if match else -1
