"""Lock-out after too many wrong passwords or codes. django-axes counts the failures, in PostgreSQL.

A stranger who knows somebody's email alone must not be able to shut them out cheaply: from one address five failures
close the log-in for that email there. Fifty close it for the email everywhere, and for an address for all emails.
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
    """axes knows one limit for all of its counts; here each has its own."""

    def get_failures(self, request: HttpRequest, credentials: Credentials = None) -> int:
        """Return the number of limits that are reached."""
        return len(self.reached(request, credentials))

    def reached(self, request: HttpRequest, credentials: Credentials) -> list[Any]:
        """Return the moment of the newest failure of each count that has reached its limit."""
        counts = [
            attempts.aggregate(failures=Sum("failures_since_start"), newest=Max("attempt_time"))
            for attempts in self.get_user_attempts(request, credentials)
        ]
        return [
            count["newest"] for count, limit in zip(counts, LIMITS, strict=True) if (count["failures"] or 0) >= limit
        ]

    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        """A right password alone forgives nothing: `forgive` is called when the person is in."""


def email_of(request: HttpRequest, credentials: Credentials = None) -> str | None:
    email = (credentials or {}).get("username") or request.POST.get("username")
    return email.strip().lower()[:254].replace("\0", "") if email else None


def address_of(request: HttpRequest) -> str | None:
    """Return the client's address; None if the proxy passed an invalid one."""
    try:
        return str(ipaddress.ip_address(client_address(request)))
    except ValueError:
        return None


def network_of(request: HttpRequest) -> str | None:
    """Return the client's address; of an IPv6 address the 64-bit network, which one customer has."""
    address = address_of(request)
    is_new = address is not None and ":" in address
    return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address) if is_new else address


def locked_for(request: HttpRequest, email: str) -> int:
    """Return the seconds until this email may log in from here again; 0 if it may now."""
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
    """Forget earlier failures from here after a complete log-in."""
    username = get_client_username(request, {"username": user.email})
    AccessAttempt.objects.filter(username=username, ip_address=network_of(request)).delete()
