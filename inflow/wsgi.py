"""The WSGI application, run by threads of inflow/asgi.py: Django's, without what it asks anew at each request and what
has one answer here.

InFlow stands at the root of its host, on the one set of addresses in `ROOT_URLCONF`. So there is no prefix to be looked
for, and none of the two is kept for each thread.
"""

import os
from collections.abc import Iterable
from typing import Any

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.handlers.wsgi import LimitedStream, WSGIHandler, WSGIRequest, get_path_info
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse
from django.urls import ResolverMatch
from django.utils.log import log_response

from inflow.statements import close_if_obsolete

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")
# libpq reads it at each connection: a request's query that takes longer is ended, and answered with 503.
os.environ.setdefault("PGOPTIONS", "-c statement_timeout=10s")

django.setup(set_prefix=False)
# What Django does at each request for a log of queries, which is not kept, for caches that need closing, and for
# requests with addresses of their own. Whether the connection is still good is looked at below, asking nobody.
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
request_finished.disconnect(reset_urlconf)

# Of ALLOWED_HOSTS, those that were asked for; and what stands at addresses without parameters.
_hosts: set[str] = set()
_matches: dict[str, ResolverMatch] = {}
_MAX_HOSTS, _MAX_MATCHES = 100, 500


class Request(WSGIRequest):
    def __init__(self, environ: dict[str, Any]) -> None:
        """Django's, but for the prefix. Its attributes are Django's too: tests/test_wsgi.py compares them."""
        self.environ = self.META = environ
        self.path = self.path_info = environ["PATH_INFO"] = get_path_info(environ) or "/"
        environ["SCRIPT_NAME"] = ""
        self.method = environ["REQUEST_METHOD"].upper()
        try:
            self._set_content_type_params(environ)  # type: ignore[attr-defined]
        except ValueError:  # a charset that can be none; Django lets it through to the server, which knows no answer
            self.content_type, self.content_params = "", {}
        try:
            length = int(environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = 0
        self._stream: Any = LimitedStream(environ["wsgi.input"], length)
        self._read_started, self.resolver_match = False, None

    def get_host(self) -> str:
        """A host that was allowed once is allowed: Django compares it with patterns at each request."""
        given: str = self.META.get("HTTP_HOST", "")
        if given in _hosts:
            return given
        host = super().get_host()
        if host == given and len(_hosts) < _MAX_HOSTS:
            _hosts.add(host)
        return host


class Handler(WSGIHandler):
    request_class = Request

    def __call__(self, environ: dict[str, Any], start_response: Any) -> HttpResponse:
        request_started.send(sender=Handler, environ=environ)
        response: Any = self.get_response(Request(environ))
        response._handler_class = Handler
        cookies = [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        start_response(f"{response.status_code} {response.reason_phrase}", [*response.items(), *cookies])
        return response  # type: ignore[no-any-return]

    def get_response(self, request: Any) -> HttpResponse:
        response: Any = self._middleware_chain(request)  # type: ignore[attr-defined]
        response._resource_closers.append(request.close)
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        return response  # type: ignore[no-any-return]

    def resolve_request(self, request: Any) -> Any:
        """The view, with what it is called with. An address without parameters leads to the same each time: it is
        looked for once."""
        found = _matches.get(request.path_info)
        if found is None:
            found = super().resolve_request(request)
            if not (found.args or found.kwargs) and len(_matches) < _MAX_MATCHES:
                _matches[request.path_info] = found
        request.resolver_match = found
        return found.func, found.args, found.kwargs


_django = Handler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """A response that is whole is returned as a list: the caller then sends it with the headers."""
    close_if_obsolete()
    response = _django(environ, start_response)
    if response.streaming:
        return response
    body = list(response)
    response.close()
    return body
