"""/api/zapier/open-items: compare the invoices here with the open items of the account's books."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.api.authentication import account_of, actor_of
from inflow.api.bodies import LargeJSONParser
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api.open_items_serializers import ComparisonOut, OpenItemsIn
from invoices.models import DifferenceKind, OpenItemsList
from invoices.reconciliation import comparing
from invoices.reconciliation.comparing import Found

EXAMPLE = OpenApiExample(
    "The open items of the books",
    request_only=True,
    value={
        "as_of": "2026-03-01T02:00:00+04:00",
        "complete": ["AED"],
        "items": [
            {"invoice_number": "INV-2026-001", "currency": "AED", "balance": 12500, "due_date": "2026-02-14"},
            {"invoice_number": "INV-2026-002", "currency": "AED", "balance": 800.5, "due_date": "2026-02-20"},
        ],
    },
)


class OpenItemsViewSet(ApiViewSet):
    scopes = {"compare": Scope.INVOICES_READ}
    parser_classes = [LargeJSONParser]

    @extend_schema(
        operation_id="compare_open_items",
        summary="Compare with the open items of your books",
        description=(
            "Send all invoices that are open in your books. The response lists what differs; nothing is changed. People"
            " see the differences in the dashboard, where they can correct each one. Invoices registered after `as_of`"
            " are not compared. `closed_there` lists what is open here but not in the list, for the currencies in"
            " `complete` and only if `as_of` is sent. A list that is complete for all currencies confirms that all"
            " payments are recorded."
        ),
        request=OpenItemsIn,
        responses=ComparisonOut,
        examples=[EXAMPLE],
    )
    def compare(self, request: Request) -> ApiResponse:
        account = account_of(request)
        data = OpenItemsIn.checked(request.data, account=account)
        stored, found = comparing.record(
            account,
            data["items"],
            actor_of(request),
            source=OpenItemsList.Source.API,
            as_of=data.get("as_of"),
            complete=data.get("complete", []),
        )
        by_kind: dict[str, list[dict[str, Any]]] = {kind: [] for kind in DifferenceKind.values}
        for difference in found:
            by_kind[difference.kind].append(_shown(difference))
        return ApiResponse({"id": stored.pk, "as_of": stored.as_of, "items": stored.items, **by_kind})


# The values shown of each kind of difference, besides the number and currency.
_SHOWN = {
    DifferenceKind.MISSING_HERE: ("balance_there", "due_date_there"),
    DifferenceKind.OTHER_CURRENCY: ("invoice_id", "balance_here", "balance_there"),
    DifferenceKind.OTHER_BALANCE: ("invoice_id", "balance_here", "balance_there", "changed_since"),
    DifferenceKind.OTHER_DUE_DATE: ("invoice_id", "due_date_here", "due_date_there", "changed_since"),
    DifferenceKind.CLOSED_THERE: ("invoice_id", "balance_here", "changed_since"),
}


def _shown(difference: Found) -> dict[str, Any]:
    names = ("invoice_number", "currency", *_SHOWN[difference.kind])
    return {name: getattr(difference, name) for name in names}
