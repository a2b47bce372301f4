"""The baseline: a view that returns InFlow's own response as a constant, without middleware, database or key."""

import json
import os
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

_ONE, _LIST = (part.encode() for part in json.loads(Path(os.environ["BENCH_ANSWERS"]).read_text()))


@csrf_exempt
def one(request: HttpRequest, number: str = "") -> HttpResponse:
    return _answer(_ONE)


@csrf_exempt
def many(request: HttpRequest) -> HttpResponse:
    return _answer(_ONE if request.method == "POST" else _LIST)


def _answer(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json", headers={"Content-Length": str(len(body))})


urlpatterns = [path("api/zapier/invoices", many), path("api/zapier/invoices/<uuid:number>", one)]
