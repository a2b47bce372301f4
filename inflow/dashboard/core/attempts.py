"""Lock-out after too many wrong passwords or codes. django-axes counts the failures in PostgreSQL.

A stranger who knows only a person's email must not be able to lock them out cheaply. Five failures from one address
lock the log-in for that email from that address. Fifty failures lock the email everywhere, or the address for all
emails.
"""

import datetime as dt
import ipaddress
import math
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max, Sum
from django.http import HttpRequest
from django.utils import timezone

from inflow.accounts.models import User
from inflow.proxies import client_address

LIMITS = (5, 50, 50)  # in the order of AXES_LOCKOUT_PARAMETERS

Credentials = dict[str, Any] | None


class Attempts(AxesDatabaseHandler):
    """Count failures with a limit for each count; axes has one limit for all of them."""

    def get_failures(self, request: HttpRequest, credentials: Credentials = None) -> int:
        """Return the number of limits that have been reached."""
        return len(self.reached(request, credentials))

    def reached(self, request: HttpRequest, credentials: Credentials) -> list[Any]:
        """Return the time of the newest failure for each count that has reached its limit."""
        counts = [
            attempts.aggregate(failures=Sum("failures_since_start"), newest=Max("attempt_time"))
            for attempts in self.get_user_attempts(request, credentials)
        ]
        return [
            count["newest"] for count, limit in zip(counts, LIMITS, strict=True) if (count["failures"] or 0) >= limit
        ]

    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        """Do nothing: failures are reset by `forgive` after the second step, not after the password alone."""


def email_of(request: HttpRequest, credentials: Credentials = None) -> str | None:
    email = (credentials or {}).get("username") or request.POST.get("username")
    return email.strip().lower()[:254].replace("\0", "") if email else None


def address_of(request: HttpRequest) -> str | None:
    """Return the client's address, or None if the proxy passed an invalid one."""
    try:
        return str(ipaddress.ip_address(client_address(request)))
    except ValueError:
        return None


def network_of(request: HttpRequest) -> str | None:
    """Return the client's address; for IPv6 the /64 network, which belongs to one customer."""
    address = address_of(request)
    is_v6 = address is not None and ":" in address
    return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address) if is_v6 else address


def locked_for(request: HttpRequest, email: str) -> int:
    """Return the seconds until this email may log in from this address again; 0 if it may log in now."""
    credentials = {"username": email}
    AxesProxyHandler.update_request(request)
    newest = Attempts().reached(request, credentials)
    if not newest:
        return 0
    left: dt.timedelta = max(newest) + settings.AXES_COOLOFF_TIME - timezone.now()
    return max(1, math.ceil(left.total_seconds()))


def count_failure(request: HttpRequest, user: User) -> None:
    """Count a wrong code like a wrong password."""
    user_login_failed.send(__name__, credentials={"username": user.email}, request=request)


def forgive(request: HttpRequest, user: User) -> None:
    """Delete the earlier failures from this address after a complete log-in."""
    username = get_client_username(request, {"username": user.email})
    AccessAttempt.objects.filter(username=username, ip_address=network_of(request)).delete()
