"""The logged-in user, and the rows that they may see."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import User


def person(request: HttpRequest) -> User:
    """Return the logged-in user."""
    assert isinstance(request.user, User)
    return request.user


def actor(request: HttpRequest) -> Actor:
    """Return the logged-in user as the author of a change made in the dashboard."""
    return Actor(person(request).email, Channel.DASHBOARD)


def rows_of(user: User, rows: QuerySet[Any], owner: str = "account") -> QuerySet[Any]:
    """Return the `rows` that `user` may see. `owner` is the lookup path from a row to its account."""
    return rows if user.is_superuser else rows.filter(**{owner: user.account_id})
