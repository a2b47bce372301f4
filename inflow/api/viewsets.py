"""What every endpoint shares: who calls, how often, may they; and the headers of every answer."""

from collections.abc import Callable, Iterable
from typing import Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from inflow.accounts.keys import Beside
from inflow.api import throttling
from inflow.api.authentication import account_of
from inflow.api.headers import Headers

Action = Callable[..., Response]


class JSONOnly(BaseContentNegotiation):
    """JSON whatever Accept says; a body in anything else is a 415."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiViewSet(ViewSet):
    """A viewset names the scope of each of its actions in `scopes`; None opens an action to any key.

    What an action reads by the id in its address may come with the key, in one statement: `beside_key`.
    """

    scopes: dict[str, str | None] = {}
    beside_key: dict[str, Beside] = {}
    http_method_names = ["get", "post", "patch", "delete", "head"]
    content_negotiation_class = JSONOnly
    metadata_class = None
    usage: throttling.Usage | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The limit comes before the scope: a refused scope costs a request like any other."""
        self.format_kwarg = None
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self.perform_authentication(request)
        self.usage = throttling.count(account_of(request))
        if self.usage and self.usage.is_refused:
            exhausted = [window for window in self.usage.windows if not window.remaining]
            raise throttling.too_many(max(window.resets_in for window in exhausted))
        self.check_permissions(request)

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Allow belongs to a 405."""
        return {} if self.action in self.scopes else super().default_response_headers

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response.headers = Headers(response.headers)
        response = super().finalize_response(request, response, *args, **kwargs)
        if self.usage:
            for name, value in self.usage.headers.items():
                response.headers[name] = value
        response.render()
        # The view, which serves one request, and what it was asked and answers know each other. Unless they part, all
        # of it, with its rows, stays in memory until the garbage collector comes.
        for known in (vars(self), vars(response)["renderer_context"], vars(request)["parser_context"]):
            known.clear()
        return response


def takes_if_match(action: Action) -> Action:
    """Marks an action that honours If-Match, for the description of the API."""
    action.takes_if_match = True  # type: ignore[attr-defined]
    return action
