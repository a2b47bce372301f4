"""/api/zapier/debtors: debtors with their contacts and balances."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Account, Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.idempotency import idempotent
from inflow.api.pagination import Row, address_of
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api import debtor_representation as representation
from invoices.api.debtor_serializers import DebtorIn, DebtorOut, DebtorPatch, DebtorQuery, values_of
from invoices.api.refusals import refusals_as_problems
from invoices.debtors import aliases, editing
from invoices.models import Debtor, DebtorExternalId, DebtorIdentity

EXAMPLE = OpenApiExample(
    "A debtor",
    request_only=True,
    value={
        "external_id": "C-1042",
        "name": "Ahmed Al Rashid",
        "company": "Gulf Trading LLC",
        "language": "en",
        "tags": ["wholesale"],
        "contacts": [
            {"name": "Accounts payable", "email": "ap@gulftrading.ae"},
            {"name": "Ahmed Al Rashid", "role": "CFO", "email": "ahmed@gulftrading.ae", "receives": ["final_notice"]},
        ],
    },
)


class DebtorViewSet(ApiViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "create": Scope.INVOICES_WRITE,
        "partial_update": Scope.INVOICES_WRITE,
    }

    @extend_schema(
        operation_id="list_debtors",
        summary="List debtors",
        description="Merged debtors are left out.",
        parameters=[DebtorQuery],
        responses=DebtorOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query, account = DebtorQuery.of(request), account_of(request)
        rows = _asked(account, query).values(*representation.COLUMNS)

        def read(limit: int, after: Sequence[Any] | None = None) -> list[Row]:
            return representation.of_rows(account, list(pagination.page_of(rows, limit, after)))

        return pagination.respond_by(request, read, query, lambda row: row)

    @extend_schema(operation_id="get_debtor", summary="Get one debtor", responses=DebtorOut)
    def retrieve(self, request: Request, debtor_id: uuid.UUID) -> ApiResponse:
        account = account_of(request)
        debtor = Debtor.objects.for_account(account).filter(pk=debtor_id).first()
        if debtor is None:
            raise not_found()
        return ApiResponse(representation.of_debtor(aliases.current(debtor)))

    @extend_schema(
        operation_id="create_debtor",
        summary="Create a debtor",
        description=(
            "Refused (422 `duplicate`, naming the id) if the external_id is known, or if an invoice with this name and"
            " these contacts would find a debtor that exists: change that one."
        ),
        request=DebtorIn,
        responses={201: DebtorOut},
        examples=[EXAMPLE],
    )
    @idempotent
    def create(self, request: Request) -> ApiResponse:
        account = account_of(request)
        values, related = values_of(DebtorIn.checked(request.data, account=account))
        with refusals_as_problems():
            debtor = editing.create(account, actor_of(request), values, **related)
        location = f"{address_of(request)}/{debtor.pk}"
        return ApiResponse(representation.of_debtor(debtor), status=201, headers={"Location": location})

    @extend_schema(
        operation_id="update_debtor",
        summary="Change a debtor",
        description="null clears an optional field. `contacts` replaces all contacts. An equal value changes nothing.",
        request=DebtorPatch,
        responses=DebtorOut,
    )
    def partial_update(self, request: Request, debtor_id: uuid.UUID) -> ApiResponse:
        account = account_of(request)
        values, related = values_of(DebtorPatch.checked(request.data, account=account))
        with refusals_as_problems():
            debtor = editing.change(account, debtor_id, actor_of(request), values, **related)
        return ApiResponse(representation.of_debtor(debtor))


def _asked(account: Account, query: Mapping[str, Any]) -> QuerySet[Debtor]:
    rows: QuerySet[Debtor] = Debtor.objects.for_account(account).filter(merged_into=None)
    if "external_id" in query:
        known = DebtorExternalId.objects.for_account(account).filter(external_id=query["external_id"])
        rows = rows.filter(pk__in=known.values("debtor_id"))
    if "email" in query:
        known = DebtorIdentity.objects.for_account(account).filter(email=query["email"])
        rows = rows.filter(pk__in=known.values("debtor_id"))
    if "q" in query:
        beginning = Q()
        for name in ("name", "company", "email"):
            beginning |= Q(**{f"{name}__istartswith": query["q"]})
        rows = rows.filter(beginning)
    if "tag" in query:
        rows = rows.filter(tags__contains=[query["tag"]])
    if "owner" in query:
        rows = rows.filter(owner__email=query["owner"])
    for name, lookup in (("never_chase", "never_chase"), ("updated_after", "updated_at__gt")):
        if name in query:
            rows = rows.filter(**{lookup: query[name]})
    return rows
