"""An idiomatic DRF API: ModelViewSet, ModelSerializer, cursor pagination, an authentication class, a throttle."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import include, path
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import ChoiceField, ModelSerializer
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import ModelViewSet

from benchmarks.peers._shared import FIELDS, READ_ONLY, a_debtor, is_limited, key_of
from inflow.accounts.models import ApiKey
from invoices.models import Invoice, Status


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, ApiKey]:
        key = key_of(request.headers.get("X-InFlow-Key", ""))
        if key is None:
            raise AuthenticationFailed
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return "key"


class HasKey(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return request.auth is not None


class TwoWindows(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return not is_limited(request, request.auth)

    def wait(self) -> None:
        return None


class InvoiceSerializer(ModelSerializer[Invoice]):
    status = ChoiceField(choices=Status.choices, required=False)

    class Meta:
        model = Invoice
        fields = FIELDS
        read_only_fields = READ_ONLY
        validators: ClassVar[list[Any]] = []  # the database rejects duplicate numbers


class Pages(CursorPagination):
    page_size_query_param = "limit"
    max_page_size = 100
    ordering = ("-created_at", "-id")


class InvoiceViewSet(ModelViewSet[Invoice]):
    request: Any
    serializer_class = InvoiceSerializer
    authentication_classes = [KeyAuthentication]
    permission_classes = [HasKey]
    throttle_classes = [TwoWindows]
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Invoice]:
        return Invoice.objects.filter(account=self.request.auth.account)

    def perform_create(self, serializer: Any) -> None:
        account = self.request.auth.account
        serializer.save(account=account, debtor_id=a_debtor(account.pk))


router = SimpleRouter(trailing_slash=False)
router.register("invoices", InvoiceViewSet, basename="invoice")
urlpatterns = [path("api/zapier/", include(router.urls))]
