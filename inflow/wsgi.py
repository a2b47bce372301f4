"""The WSGI application, run by the threads of inflow/asgi.py."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")
# Read by libpq for each connection. A query that takes longer is cancelled, and the response is a 503.
os.environ.setdefault("PGOPTIONS", "-c statement_timeout=10s")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Run Django, after removing the parameters of an invalid Content-Type.

    Django raises ValueError for them (BadRequest since 6.1) when it creates the request, outside its handler.
    """
    content_type, has_parameters, _ = environ.get("CONTENT_TYPE", "").partition(";")
    if has_parameters:
        try:
            WSGIRequest(environ.copy())  # it decodes the path in place, which the handler's own request does again
        except (ValueError, BadRequest):
            environ["CONTENT_TYPE"] = content_type
    return _django(environ, start_response)
