import io
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import reset_queries

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")
# libpq reads it at each connection: a request's query that takes longer is ended, and answered with 503.
os.environ.setdefault("PGOPTIONS", "-c statement_timeout=10s")

_django = get_wsgi_application()
# What Django does at each request for a log of queries, which is not kept, and for caches that need closing.
if not settings.DEBUG:
    request_started.disconnect(reset_queries)
request_finished.disconnect(close_caches)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django takes a body that comes in chunks, without its length, for none: one of the API's is read here."""
    if "HTTP_TRANSFER_ENCODING" in environ and not environ.get("CONTENT_LENGTH"):
        body = environ["wsgi.input"].read(settings.API_MAX_BODY_BYTES + 1)
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return _django(environ, start_response)
