"""API views of communications, the debtor's page link, the forecast and the test clock."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from redis.exceptions import RedisError
from rest_framework.request import Request

from communications.api import representation
from communications.api.serializers import (
    ClockIn,
    ClockOut,
    ClockStatus,
    CommunicationOut,
    CommunicationQuery,
    ForecastEntryOut,
    ForecastQuery,
    LeapOut,
    PageLinkIn,
    PageLinkOut,
    SendIn,
)
from communications.contacts import addresses
from communications.delivery import manual
from communications.delivery.manual import MessageRequest
from communications.engine import forecast, leaps, sandbox, stored_forecasts
from communications.engine.errors import ClockBackwards, ClockBusy, ForecastBusy
from communications.models import LEFT_US, ClockLeap, Communication, Kind
from communications.portal import links
from communications.schedule import one_off, policies
from inflow.accounts import audit
from inflow.accounts.models import Account, Scope
from inflow.api import pagination
from inflow.api.authentication import account_of, actor_of
from inflow.api.errors import Problem, invalid, not_found
from inflow.api.idempotency import idempotent, shows_links
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.api.refusals import refusals_as_problems
from invoices.models import AccountQuerySet, Invoice

# Time for which the pages after the first are cached, in seconds.
FORECAST_KEPT_S = 600


class CommunicationViewSet(ApiViewSet):
    scopes = {"list": Scope.COMMUNICATIONS_READ, "of_invoice": Scope.COMMUNICATIONS_READ}
    reads_query = frozenset(scopes)

    @extend_schema(
        operation_id="list_communications",
        summary="List sent communications",
        parameters=[CommunicationQuery],
        responses=CommunicationOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        return self._page(request, Communication.objects.for_account(account_of(request)))

    @extend_schema(
        operation_id="list_communications_of_invoice",
        summary="List the communications of one invoice",
        parameters=[CommunicationQuery],
        responses=CommunicationOut(many=True),
    )
    def of_invoice(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        account = account_of(request)
        if not Invoice.objects.for_account(account).filter(pk=invoice_id).exists():
            raise not_found()
        return self._page(request, Communication.objects.for_account(account).filter(invoice_id=invoice_id))

    def _page(self, request: Request, communications: AccountQuerySet) -> ApiResponse:
        query = CommunicationQuery.of(request)
        status = query.get("status")
        if status is None:
            communications = communications.filter(status__in=LEFT_US)
        elif status != "all":
            communications = communications.filter(status=status)
        for name in ("kind", "channel"):
            if name in query:
                communications = communications.filter(**{name: query[name]})
        if "sent_after" in query:
            communications = communications.filter(sent_at__gt=query["sent_after"])
        return pagination.respond(
            request,
            representation.rows(communications),
            query,
            representation.of_row,
            by=("sent_at", "id") if status is None or status in LEFT_US else ("created_at", "id"),
        )


class PageLinkViewSet(ApiViewSet):
    scopes = {"create": Scope.COMMUNICATIONS_WRITE}

    @extend_schema(
        operation_id="make_page_link",
        summary="Make a link to the debtor's page",
        description="Such links are masked everywhere else, because anyone who has one can act as the debtor.",
        request=PageLinkIn,
        responses={201: PageLinkOut},
    )
    @idempotent
    @shows_links
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        data = PageLinkIn.checked(request.data)
        account = account_of(request)
        invoice = Invoice.objects.for_account(account).select_related("debtor").filter(pk=invoice_id).first()
        if invoice is None:
            raise not_found()
        invoice.debtor.account = account
        language = data.get("language") or invoice.debtor.language or invoice.language
        with transaction.atomic():
            url, expires_at = links.page_url_of(invoice, language), account.now() + links.PAGE_LIFETIME
            audit.record(account, actor_of(request).name, "debtor.link_made", str(invoice.debtor)[:120])
        made = {"url": url, "language": language, "expires_at": expires_at.replace(microsecond=0)}
        return ApiResponse(made, status=201, shows_links=True)


class SendViewSet(ApiViewSet):
    scopes = {"create": Scope.COMMUNICATIONS_WRITE}

    @extend_schema(
        operation_id="send_message",
        summary="Send a message about an invoice now",
        description=(
            "The message passes the same checks as *Send now*: contact hours, opt-outs, holds, credit. Contact limits"
            " hold only a `promise_followup`, but each message except a `thank_you` counts for them. A message that may"
            " not be sent now is refused with the reason (422). With `may_wait`, it is scheduled if it only has to"
            " wait. 202: the message will be sent within seconds; see its status at GET"
            " /api/zapier/communications/:invoiceId. The defaults are a message about the open invoices, the first"
            " usable channel and the debtor's language."
        ),
        request=SendIn,
        responses={202: CommunicationOut},
    )
    @idempotent
    def create(self, request: Request, invoice_id: uuid.UUID) -> ApiResponse:
        data, account = SendIn.checked(request.data), account_of(request)
        invoice = Invoice.objects.for_account(account).select_related("debtor").filter(pk=invoice_id).first()
        if invoice is None:
            raise not_found()
        invoice.account = invoice.debtor.account = account
        may_wait = data.pop("may_wait")
        with refusals_as_problems():
            asked = MessageRequest(**{**_defaults(invoice), **data})
            manual.check_text(asked)
            row = manual.schedule(account, invoice_id, actor_of(request), asked, may_wait=may_wait)
        return ApiResponse(representation.of_communication(row), status=202)


def _defaults(invoice: Invoice) -> dict[str, str]:
    kinds = one_off.kinds_for(invoice)
    return {
        "kind": kinds[0] if kinds else Kind.MANUAL,
        "channel": addresses.choose(invoice, policies.ALL_CHANNELS).channel,
        "language": invoice.debtor.language or invoice.language,
    }


class ForecastViewSet(ApiViewSet):
    scopes = {"list": Scope.INVOICES_READ}

    @extend_schema(
        operation_id="get_forecast",
        summary="List the messages that would be sent next",
        parameters=[ForecastQuery],
        responses=ForecastEntryOut(many=True),
    )
    def list(self, request: Request) -> ApiResponse:
        query, account = ForecastQuery.of(request), account_of(request)
        version = pagination.computed_version(request, query)
        stored = stored_forecasts.get(account, version) if version else None
        if stored is None and not stored_forecasts.is_large(account):
            computed = self._compute(request, query)
            if computed is not None:
                return computed
        stored = stored or stored_forecasts.latest(account, query["days"])
        if stored is None or stored.computed_at is None:
            headers = {"Retry-After": str(stored_forecasts.RETRY_AFTER_SECONDS)}
            problem = "The first forecast of this account is being computed."
            raise Problem(503, "forecast_pending", problem, headers=headers)
        if not stored.is_whole:
            raise _too_long(stored.until or stored.computed_at)
        entries = stored_forecasts.Entries(stored)
        answer = pagination.respond_computed(request, entries, query, representation.of_entry, version=stored.pk)
        answer["X-Computed-At"] = stored_forecasts.timestamp(stored.computed_at)
        return answer

    def _compute(self, request: Request, query: Mapping[str, Any]) -> ApiResponse | None:
        """Compute the forecast of a small account. Return None if that takes too long for a request."""
        account = account_of(request)
        key = f"forecast:{account.pk}:{query['days']}"
        cached = _kept(key) if "cursor" in query else None
        if cached is None:
            now = timezone.now()
            try:
                deadline = sandbox.Deadline(stored_forecasts.REQUEST_SECONDS)
                computed_forecast = forecast.forecast(account, query["days"], deadline=deadline)
            except ForecastBusy as error:
                problem = "Another forecast of this account is being computed."
                raise Problem(503, "forecast_busy", problem, headers={"Retry-After": "5"}) from error
            if not computed_forecast.is_whole:
                return None
            cached = (
                stored_forecasts.timestamp(now),
                [representation.of_entry(entry) for entry in computed_forecast.entries],
            )
            if len(computed_forecast.entries) > query["limit"]:
                _keep(key, cached)
        computed_at, entries = cached
        answer = pagination.respond_computed(request, entries, query)
        answer["X-Computed-At"] = computed_at
        return answer


def _too_long(until: dt.datetime) -> Problem:
    problem = f"The forecast could not be completed after {until:%Y-%m-%d}: request fewer days."
    return Problem(503, "forecast_too_long", problem, headers={"Retry-After": "60"})


def _kept(key: str) -> tuple[str, Sequence[Any]] | None:
    """Return the cached result of the first page, with its time, for the pages after it."""
    try:
        cached: tuple[str, Sequence[Any]] | None = cache.get(key)
    except RedisError:
        return None
    return cached


def _keep(key: str, cached: tuple[str, Sequence[Any]]) -> None:
    with contextlib.suppress(RedisError):
        cache.set(key, cached, timeout=FORECAST_KEPT_S)


class ClockViewSet(ApiViewSet):
    scopes = {"create": Scope.INVOICES_WRITE, "show": Scope.INVOICES_READ}

    @extend_schema(
        operation_id="get_test_clock", summary="Get a test account's clock and its progress", responses=ClockOut
    )
    def show(self, request: Request) -> ApiResponse:
        account = _test_account(request)
        row = leaps.last(account)
        return ApiResponse(_progress(account, row) if row else {"now": account.now(), **_AT_REST})

    @extend_schema(
        operation_id="set_test_clock",
        summary="Move a test account's clock and do the work that falls due in between",
        description=(
            "200 when all work is done. If it takes longer than some seconds, it continues in the background: 202 with "
            "`Location`, where a GET shows the progress. The account can be used meanwhile; changes happen at the "
            "current time of the clock. Another request to move the clock gets 409 until it has arrived."
        ),
        request=ClockIn,
        responses={200: LeapOut, 202: ClockOut},
    )
    def create(self, request: Request) -> ApiResponse:
        account = _test_account(request)
        data = ClockIn.checked(request.data)
        try:
            row = leaps.start(account, data["now"])
        except ClockBackwards as error:
            raise invalid("now", "not_forward", str(error)) from error
        except ClockBusy as error:
            problem = "The clock is already being moved: GET /api/zapier/test/clock shows the progress."
            raise Problem(
                409, "clock_busy", problem, headers={"Retry-After": str(leaps.RETRY_AFTER_SECONDS)}
            ) from error
        if row.is_advancing:
            return ApiResponse(_progress(account, row), status=202, headers={"Location": request.path})
        return ApiResponse({"now": row.target, "sent": row.sent, "escalated": row.escalated})

    create.problems = (409,)  # type: ignore[attr-defined]


_AT_REST = {"sent": 0, "escalated": 0, "status": ClockStatus.SET.value, "advancing_to": None}


def _test_account(request: Request) -> Account:
    account = account_of(request)
    if not account.is_test:
        raise Problem(403, "live_account", "Only a test account has a clock of its own.")
    return account


def _progress(account: Account, row: ClockLeap) -> dict[str, Any]:
    status = ClockStatus.SET if account.now() >= row.target else ClockStatus.STOPPED
    if row.is_advancing:
        status = ClockStatus.ADVANCING
    return {
        "now": account.now(),
        "sent": row.sent,
        "escalated": row.escalated,
        "status": status.value,
        "advancing_to": row.target if row.is_advancing else None,
    }
