"""What every endpoint shares: who calls, how often, may they; and the headers of every answer."""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from inflow.accounts.keys import Beside
from inflow.accounts.models import Account
from inflow.api import throttling
from inflow.api.answers import Answer
from inflow.api.authentication import account_of
from inflow.api.permissions import NO_ACTION
from inflow.statements import Ahead

Action = Callable[..., Answer]


class JSONOnly(BaseContentNegotiation):
    """JSON whatever Accept says; a body in anything else is a 415."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)


class ApiViewSet(ViewSet):
    """A viewset names the scope of each of its actions in `scopes`; None opens an action to any key.

    What an action reads by the id in its address may come with the key, in one statement: `beside_key`. What it will
    ask in any case may go along with the key: `asks`.
    """

    scopes: dict[str, str | None] = {}
    beside_key: dict[str, Beside] = {}
    http_method_names = ["get", "post", "patch", "delete", "head"]
    content_negotiation_class = JSONOnly
    metadata_class = None
    usage: throttling.Usage | None = None
    _counting: throttling.Counting | None = None
    _unreadable: Exception | None = None

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
        if self.usage and self.usage.is_refused:
            exhausted = [window for window in self.usage.windows if not window.remaining]
            raise throttling.too_many(max(window.resets_in for window in exhausted))
        self.check_permissions(request)
        if self._unreadable:
            raise self._unreadable

    def begin(self, request: Request, account: Account) -> Iterable[Ahead | None]:
        """What needs no more than to know whose the key seems to be: PostgreSQL looks for it meanwhile."""
        self._counting = throttling.Counting(account)
        return self.asks(request, account)

    def asks(self, request: Request, account: Account) -> Iterable[Ahead | None]:
        """The answers are the key's `asked`. Nobody has been let in yet: `account` is as it was known last."""
        return ()

    def said(self, request: Request) -> Any:
        """The body, for `asks`. One that can't be read is told of when its time has come."""
        try:
            return request.data
        except Exception as error:
            self._unreadable = error
            return None

    def raise_uncaught_exception(self, exc: Exception) -> NoReturn:
        """DRF would choose its page of errors by a renderer."""
        raise exc

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Allow belongs to a 405."""
        return super().default_response_headers if self.action in NO_ACTION else {}

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.headers.put(self.headers)
        if self.usage:
            response.headers.put(self.usage.headers)
        # The view, which serves one request, and what it was asked know each other. Unless they part, both, with their
        # rows, stay in memory until the garbage collector comes.
        for known in (vars(self), vars(request)["parser_context"]):
            known.clear()
        return response


def takes_if_match(action: Action) -> Action:
    """Marks an action that honours If-Match, for the description of the API."""
    action.takes_if_match = True  # type: ignore[attr-defined]
    return action
