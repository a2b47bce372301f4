"""`Idempotency-Key`: a POST that is sent again has its first effect and its first answer, and no other.

The key is held by an advisory transaction lock and the answer is stored in the transaction of the effect: a crash in
between leaves neither effect nor key behind. Only 2xx are stored, so that a corrected body may be sent again.
"""

import datetime as dt
import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework.request import Request

from inflow.accounts.encryption import decrypt, encrypt
from inflow.accounts.models import Account
from inflow.api.authentication import account_of
from inflow.api.errors import Problem, invalid
from inflow.api.models import IdempotentAnswer
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import Action

KEPT = dt.timedelta(hours=24)
_FORM = re.compile(r'"([!#-~]{1,255})"|([!#-~]{1,255})')
_STORED_HEADERS = ("Location", "ETag")


def idempotent(action: Action) -> Action:
    """Make a viewset's action honour the header."""

    @functools.wraps(action)
    def wrapper(self: Any, request: Request, **kwargs: Any) -> ApiResponse:
        given = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if given is None:
            return action(self, request, **kwargs)
        match = _FORM.fullmatch(given)
        if match is None:
            raise Problem(
                400, "bad_idempotency_key", "An Idempotency-Key has 1 to 255 visible ASCII characters, without spaces."
            )
        account, key = account_of(request), match[1] or match[2]
        with transaction.atomic():
            act = functools.partial(action, self, request, **kwargs)
            return _once(account, request.path, key, fingerprint(request.data), act, shows=may_show_links(action))

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def shows_links(action: Action) -> Action:
    """Mark an action, below `idempotent`, whose responses have links to debtors' pages. They are masked in any other,
    also where they were stored by a version that did not mask them."""
    action.shows_links = True  # type: ignore[attr-defined]
    return action


def may_show_links(action: Action) -> bool:
    return getattr(action, "shows_links", False)


def _once(
    account: Account, route: str, key: str, print_: str, act: Callable[[], ApiResponse], *, shows: bool
) -> ApiResponse:
    _hold(f"{account.pk} {route} {key}")
    stored = IdempotentAnswer.objects.filter(account=account, route=route, key=key).first()
    if stored and stored.created_at > timezone.now() - KEPT:
        if stored.fingerprint != print_:
            raise invalid("Idempotency-Key", "idempotency_key_reused", "This key came with another body before.")
        replay = {"Idempotent-Replayed": "true"}
        body, headers = decrypt(stored.sealed_body).encode(), {**stored.headers, **replay}
        return ApiResponse(body, stored.status, headers=headers, shows_links=shows)
    response = act()
    if 200 <= response.status_code < 300:
        IdempotentAnswer.objects.update_or_create(
            account=account,
            route=route,
            key=key,
            defaults={
                "fingerprint": print_,
                "status": response.status_code,
                "headers": {name: response[name] for name in _STORED_HEADERS if name in response},
                "sealed_body": encrypt(response.content.decode()),
                "created_at": timezone.now(),
            },
        )
    return response


def _hold(name: str) -> None:
    """Take the key until the transaction ends, or 409 while another request has it."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise Problem(
                409,
                "idempotency_key_in_flight",
                "A request with this Idempotency-Key is still being worked on.",
                headers={"Retry-After": "1"},
            )


def fingerprint(data: Any) -> str:
    """Return a digest of the body's content, whatever its spacing."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def forget_expired(batch: int = 1_000) -> int:
    """Remove a batch of answers older than `KEPT`; how many."""
    old = IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).values("pk")[:batch]
    return IdempotentAnswer.objects.filter(pk__in=old).delete()[0]
