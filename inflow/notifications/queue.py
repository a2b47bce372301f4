"""The queue of notifications, filled in the transaction of each event. `mailing` sends them."""

import uuid
from collections.abc import Collection, Iterable

from inflow.accounts.models import Account, User
from inflow.notifications.models import Kind, Notification, Preferences, Which


def notify(
    account: Account,
    kind: Kind,
    event: str,
    target: uuid.UUID,
    *,
    owners: Iterable[int | None],
    except_for: str = "",
) -> None:
    """Queue a notification for the owners and for the people who chose all, once for each person and event.

    `except_for` is the email of the person who caused the event. Nothing is queued for a test account while its clock
    is set, because its days pass in seconds.
    """
    if account.clock is not None:
        return
    chosen = _choices(account, kind.value)
    everyone = {pk for pk, which in chosen.items() if which == Which.ALL}
    mine = {pk for pk in owners if pk and chosen.get(pk, Which.MINE) == Which.MINE}
    put(account, kind, event, target, everyone | mine, except_for=except_for)


def notify_people(
    account: Account, kind: Kind, event: str, target: uuid.UUID, people: Iterable[int], field: str
) -> None:
    """Queue a notification for these people, except those who switched off the preference `field`."""
    if account.clock is None:
        chosen = _choices(account, field)
        put(account, kind, event, target, {pk for pk in people if chosen.get(pk, True)})


def put(
    account: Account,
    kind: Kind,
    event: str,
    target: uuid.UUID | None,
    user_ids: Collection[int],
    *,
    except_for: str = "",
) -> None:
    """Queue the notification once for each of these active people of the account."""
    if not user_ids:
        return
    members = User.objects.filter(account=account, is_active=True, pk__in=user_ids).exclude(email=except_for)
    rows = [
        Notification(account=account, user_id=pk, kind=kind, event=event, target=target)
        for pk in members.order_by("pk").values_list("pk", flat=True)
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)


def _choices(account: Account, field: str) -> dict[int, str | bool]:
    found = Preferences.objects.filter(user__account=account, user__is_active=True)
    return dict(found.values_list("user_id", field))
