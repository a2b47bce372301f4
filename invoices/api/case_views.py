"""/api/zapier/escalations: the cases for a person."""

import uuid

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import not_found
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api import representation
from invoices.api.refusals import refusals_as_problems
from invoices.api.serializers import EscalationOut, EscalationPatch, EscalationQuery
from invoices.cases import cases
from invoices.models import Escalation


class EscalationViewSet(ApiViewSet):
    scopes = {
        "list": Scope.INVOICES_READ,
        "retrieve": Scope.INVOICES_READ,
        "partial_update": Scope.INVOICES_WRITE,
    }

    @extend_schema(
        operation_id="list_escalations",
        summary="List the cases for a person",
        parameters=[EscalationQuery],
        responses=EscalationOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query = EscalationQuery.of(request)
        rows = Escalation.objects.for_account(account_of(request)).values(*representation.ESCALATION_COLUMNS)
        if "status" in query:
            rows = rows.filter(status__in=query["status"])
        for name in ("level", "invoice_id"):
            if name in query:
                rows = rows.filter(**{name: query[name]})
        return pagination.respond(request, rows, query, representation.of_escalation_row)

    @extend_schema(operation_id="get_escalation", summary="Get one case", responses=EscalationOut)
    def retrieve(self, request: Request, escalation_id: uuid.UUID) -> ApiResponse:
        rows = Escalation.objects.for_account(account_of(request)).filter(pk=escalation_id)
        row = rows.values(*representation.ESCALATION_COLUMNS).first()
        if row is None:
            raise not_found()
        return ApiResponse(representation.of_escalation_row(row))

    @extend_schema(
        operation_id="update_escalation",
        summary="Acknowledge, resolve, assign or annotate a case",
        request=EscalationPatch,
        responses=EscalationOut,
    )
    def partial_update(self, request: Request, escalation_id: uuid.UUID) -> ApiResponse:
        asked = cases.CaseChange(**EscalationPatch.checked(request.data))
        with refusals_as_problems():
            escalation = cases.change(account_of(request), escalation_id, actor_of(request), asked)
        return ApiResponse(representation.of_escalation(escalation))
