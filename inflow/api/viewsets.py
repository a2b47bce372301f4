"""Common parts of every endpoint: authentication, limits, permissions, and the headers of every response."""

from collections.abc import Callable, Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from inflow.api import throttling
from inflow.api.authentication import account_of
from inflow.api.errors import Problem
from inflow.api.fields import StrictQuery
from inflow.api.responses import ApiResponse

Action = Callable[..., ApiResponse]


class JSONOnly(BaseContentNegotiation):
    """JSON whatever Accept says; a body in anything else, or encoded, is a 415."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        if request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower() not in ("", "identity"):
            raise Problem(415, "unsupported_media_type", "Send the body without Content-Encoding.")
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiViewSet(ViewSet):
    """A viewset names the scope of each of its actions in `scopes`; None opens an action to any key.

    The actions in `reads_query` validate their query parameters; the others take none.
    """

    scopes: dict[str, str | None] = {}
    reads_query: frozenset[str] = frozenset({"list"})
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    content_negotiation_class = JSONOnly
    metadata_class = None
    usage: throttling.Usage | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action in self.scopes.keys() - self.reads_query:
            StrictQuery.of(request)

    def perform_authentication(self, request: Request) -> None:
        """The limit comes before the scope: a request that lacks the scope counts like any other."""
        super().perform_authentication(request)
        self.count(request)

    def count(self, request: Request, cost: int = 1) -> None:
        """Count the request against the account's limits."""
        self.usage = throttling.count(account_of(request), cost)
        if self.usage and self.usage.is_refused:
            raise throttling.refusal(self.usage)

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Allow belongs to a 405."""
        return {} if self.action in self.action_map.values() else super().default_response_headers

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.usage:
            for name, value in self.usage.headers.items():
                response[name] = value
        return response


def takes_if_match(action: Action) -> Action:
    """Marks an action that honours If-Match, for the description of the API."""
    action.takes_if_match = True  # type: ignore[attr-defined]
    return action
