"""What every endpoint shares: who calls, how often, may they; and the headers of every answer."""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from inflow.accounts import keys
from inflow.accounts.keys import Beside
from inflow.accounts.models import Account
from inflow.api import throttling
from inflow.api.answers import Answer
from inflow.api.authentication import account_of, key_of
from inflow.api.requests import JSONRequest
from inflow.statements import Ahead

Action = Callable[..., Answer]


class JSONOnly(BaseContentNegotiation):
    """JSON whatever Accept says; a body in anything else is a 415."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = request.content_type.partition(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type == media_type:
                return parser
        return None


# DRF makes each of those that the settings name anew for each request. None keeps anything of one.
_AUTHENTICATORS = [each() for each in ViewSet.authentication_classes]
_PERMISSIONS = [each() for each in ViewSet.permission_classes]
_PARSERS = [each() for each in ViewSet.parser_classes]
_NEGOTIATOR = JSONOnly()


class ApiViewSet(ViewSet):
    """A viewset names the scope of each of its actions in `scopes`; None opens an action to any key.

    What an action reads by the id in its address may come with the key, in one statement: `beside_key`. What it will
    ask in any case may go along with the key: `asks`.
    """

    scopes: dict[str, str | None] = {}
    beside_key: dict[str, Beside] = {}
    http_method_names = ["get", "post", "patch", "delete", "head"]
    metadata_class = None
    usage: throttling.Usage | None = None
    _counting: throttling.Counting | None = None
    _unreadable: APIException | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The limit comes before the scope: a refused scope costs a request like any other."""
        try:
            request._authenticate()  # type: ignore[attr-defined]  # as a look at its `user` does, by way of two errors
        except BaseException:
            if self._counting:
                self._counting.take_back()
            raise
        account = account_of(request)
        counting = self._counting or throttling.Counting(account)
        self.usage = counting.usage(account)
        try:
            if self.usage and self.usage.is_refused:
                raise throttling.refusal(self.usage)
            self.check_permissions(request)
        except BaseException:
            keys.forget(key_of(request))  # whoever is refused has nothing asked along with the key
            raise
        if self._unreadable:
            raise self._unreadable

    def begin(self, request: Request, account: Account) -> Iterable[Ahead | None]:
        """What needs no more than to know whose the key seems to be: PostgreSQL looks for it meanwhile."""
        self._counting = throttling.Counting(account)
        try:
            return self.asks(request, account)
        except APIException as error:  # to be told when its time has come
            self._unreadable = error
            return ()

    def asks(self, request: Request, account: Account) -> Iterable[Ahead | None]:
        """What goes along with the key; the answers are its `asked`. Nobody has been let in yet: `account` is as it was
        known last. What can't be read of the request may be raised."""
        return ()

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JSONRequest:
        asked = JSONRequest(
            request,
            parsers=_PARSERS,
            authenticators=_AUTHENTICATORS,
            negotiator=_NEGOTIATOR,
            parser_context=self.get_parser_context(request),
        )
        self.action = self.action_map.get(asked.method.lower())  # type: ignore[assignment]
        return asked

    def get_permissions(self) -> list[Any]:
        return _PERMISSIONS

    def raise_uncaught_exception(self, exc: Exception) -> NoReturn:
        """DRF would choose its page of errors by a renderer."""
        raise exc

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Allow belongs to a 405."""
        return super().default_response_headers if self.action is None else {}

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if self.headers:
            response.headers.put(self.headers)
        if self.usage:
            response.headers.add(self.usage.headers)
        # The view, which serves one request, and what it was asked know each other. Unless they part, both, with their
        # rows, stay in memory until the garbage collector comes.
        for known in (vars(self), vars(request)["parser_context"]):
            known.clear()
        return response


def takes_if_match(action: Action) -> Action:
    """Marks an action that honours If-Match, for the description of the API."""
    action.takes_if_match = True  # type: ignore[attr-defined]
    return action
