import io
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries

from inflow.statements import close_if_obsolete

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")
# libpq reads it at each connection: a request's query that takes longer is ended, and answered with 503.
os.environ.setdefault("PGOPTIONS", "-c statement_timeout=10s")

_django: Any = get_wsgi_application()
# What Django does at each request for a log of queries, which is not kept, for caches that need closing, and for
# requests with addresses of their own. Whether the connection is still good is looked at below, asking nobody.
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
request_finished.disconnect(reset_urlconf)

# Of ALLOWED_HOSTS, those that were asked for.
_hosts: set[str] = set()
_MAX_HOSTS = 100


class _Request(WSGIRequest):
    def get_host(self) -> str:
        """A host that was allowed once is allowed: Django compares it with patterns at each request."""
        given: str = self.META.get("HTTP_HOST", "")
        if given in _hosts:
            return given
        host = super().get_host()
        if host == given and len(_hosts) < _MAX_HOSTS:
            _hosts.add(host)
        return host


_django.request_class = _Request


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django takes a body that comes in chunks, without its length, for none: one of the API's is read here."""
    if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(settings.API_MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    close_if_obsolete()
    response: Iterable[bytes] = _django(environ, start_response)
    return response
