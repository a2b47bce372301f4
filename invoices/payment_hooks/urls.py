"""The address at which payment providers report payments: `POST /hooks/payments/<token>`."""

import io

import structlog
from cryptography.fernet import InvalidToken
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from inflow.api import errors
from inflow.api.bodies import StrictJSONParser
from inflow.api.errors import Problem
from invoices.models import HookKind, PaymentHook
from invoices.payment_hooks import hooks, reading, reports, signatures
from invoices.payment_hooks.errors import UnreadableReport

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 256 * 1024


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str) -> HttpResponse:
    """Store a report. Respond 200 also to a repeated one, and alike to an unknown address and an invalid signature."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return errors.respond(request, 413, "body_too_large", "The body may be at most 256 KiB long.")
    hook = PaymentHook.objects.select_related("account").filter(token=token[:100], is_on=True).first()
    if hook is None or not _is_signed(request, hook):
        detail = "The signature is missing, invalid or older than 5 minutes."
        return errors.respond(request, 401, "not_signed", detail, {"WWW-Authenticate": signatures.CHALLENGE})
    try:
        data = StrictJSONParser().parse(io.BytesIO(request.body))
        report = reading.read(hook.kind, data, hook.account)
    except Problem as problem:
        return errors.respond(request, 400, "unparseable", str(problem.detail))
    except UnreadableReport as error:
        log.warning("payment_report_unreadable", hook=str(hook.pk))
        return errors.respond(request, 422, "unreadable", str(error))
    if report is not None:
        reports.receive(hook, report)
    return HttpResponse(status=200, headers={"Cache-Control": "no-store"})


def _is_signed(request: HttpRequest, hook: PaymentHook) -> bool:
    header = request.headers.get(signatures.HEADERS[HookKind(hook.kind)], "")
    try:
        secret = hooks.secret_of(hook)
    except InvalidToken:
        log.error("payment_hook_secret_unreadable", hook=str(hook.pk))
        return False
    if secret and signatures.is_signed(header, request.body, secret):
        return True
    log.warning("payment_report_not_signed", hook=str(hook.pk))
    return False


urlpatterns = [path("hooks/payments/<str:token>", receive, name="payment-hook")]
