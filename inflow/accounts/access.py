"""The logged-in user, and the rows that they may see."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from inflow.accounts.actors import Actor, Channel
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role


def person(request: HttpRequest) -> User:
    """Return the logged-in user."""
    assert isinstance(request.user, User)
    return request.user


def actor(request: HttpRequest) -> Actor:
    """Return the logged-in user as the author of a change made in the dashboard."""
    return Actor(person(request).email, Channel.DASHBOARD, is_manager=person(request).may(Role.MANAGER))


def rows_of(user: User, rows: QuerySet[Any], owner: str = "account") -> QuerySet[Any]:
    """Return the `rows` that `user` may see. `owner` is the lookup path from a row to its account."""
    return rows if user.is_superuser else rows.filter(**{owner: user.account_id})


def account_or_404(request: HttpRequest, pk: Any) -> Account:
    """Return the account if the logged-in user may see it. Raise `Http404`, also if `pk` is not a key."""
    try:
        account: Account = rows_of(person(request), Account.objects.all(), "pk").get(pk=pk)
    except (Account.DoesNotExist, ValidationError) as error:
        raise Http404 from error
    return account
