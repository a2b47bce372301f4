"""What belongs to no room: who am I."""

from rest_framework.request import Request
from rest_framework.response import Response

from inflow.api.authentication import key_of
from inflow.api.viewsets import ApiViewSet


class MeViewSet(ApiViewSet):
    scopes = {"retrieve": None}

    def retrieve(self, request: Request) -> Response:
        key = key_of(request)
        account = key.account
        return Response(
            {
                "account_id": account.pk,
                "account_name": account.name,
                "plan": account.plan,
                "mode": "test" if account.is_test else "live",
                "key_name": key.name,
                "scopes": key.scopes,
            }
        )


me = MeViewSet.as_view({"get": "retrieve"})
