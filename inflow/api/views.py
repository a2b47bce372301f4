"""Views that belong to no other package: `/me` and the description of the API."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from inflow.accounts.models import Scope
from inflow.accounts.plans import Plan
from inflow.api import errors, schema
from inflow.api.authentication import count, key_of
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet

View = Callable[[HttpRequest], HttpResponse]


@extend_schema_serializer(component_name="Me")
class MeOut(serializers.Serializer[Any]):
    account_id = serializers.UUIDField()
    account_name = serializers.CharField()
    plan = serializers.ChoiceField(choices=Plan.choices)
    mode = serializers.ChoiceField(choices=["live", "test"])
    key_name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))


class MeViewSet(ApiViewSet):
    scopes = {"retrieve": None}

    @extend_schema(operation_id="get_me", summary="Whose key this is", responses=MeOut)
    def retrieve(self, request: Request) -> ApiResponse:
        key = key_of(request)
        account = key.account
        return ApiResponse(
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


def counted(view: View) -> View:
    """Count the requests of a view that is no viewset: a caller without a key has 60 a minute."""

    def wrapper(request: HttpRequest) -> HttpResponse:
        try:
            usage = count(request)
        except errors.Problem as problem:
            return errors.respond(request, problem.status_code, problem.code, str(problem.detail), problem.headers)
        response = view(request)
        if usage:
            for name, value in usage.headers.items():
                response.headers[name] = value
        return response

    return wrapper


def _read_only(view: View) -> View:
    """Else a POST would meet the CSRF check, which answers in HTML."""

    @csrf_exempt
    @counted
    def wrapper(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            detail = f'Method "{request.method}" not allowed.'
            return errors.respond(request, 405, "method_not_allowed", detail, {"Allow": "GET, HEAD"})
        return view(request)

    return wrapper


@counted
def no_route(request: HttpRequest) -> HttpResponse:
    """The response to an unknown path under /api."""
    return errors.respond(request, 404, "not_found", "There is no such resource.")


@_read_only
def openapi(request: HttpRequest) -> HttpResponse:
    """The committed description, as it is."""
    return HttpResponse(schema.FILE.read_bytes(), content_type="application/json")


@_read_only
def docs(request: HttpRequest) -> HttpResponse:
    """The description for people: everything from this host."""
    return render(request, "api/docs.html")
