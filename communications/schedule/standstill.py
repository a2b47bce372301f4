"""Facts of an account that stop its messages: the stop switch, a suspension, stale payment data.

Each fact is stored once, on the account. Planned messages are not changed; readers apply the fact when they display
them.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _

from communications.contacts import addresses
from communications.delivery import safeguards
from communications.models import CollectionSettings, Communication, Medium, State
from communications.schedule import ladder, policies
from inflow.accounts.access import rows_of
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from invoices.models import Invoice

# The number of accounts that platform staff see banners for.
MAX_BANNERS = 3


@dataclass(frozen=True, slots=True)
class Standstill:
    """The reason why nothing is sent, if any, and the individually stopped channels."""

    reason: str = ""
    channels: tuple[str, ...] = ()

    def reason_for(self, channel: str) -> str:
        return self.reason or ("stopped" if channel in self.channels else "")

    def __bool__(self) -> bool:
        return bool(self.reason or self.channels)


def of(account: Account) -> Standstill:
    """Return the current standstill of an account. It is falsy if messages are sent."""
    if account.suspended_at is not None:
        return Standstill("suspended")
    rules = ladder.rules_of(account)
    if rules.is_stopped:
        return Standstill("stopped")
    if safeguards.is_stale(rules, account.now()):
        return Standstill("stale")
    return Standstill(channels=tuple(rules.stopped_channels))


def stop_check(account: Account) -> Callable[[uuid.UUID], bool] | None:
    """Return a function from an invoice's id to True if its next message is stopped, or None if nothing is stopped."""
    standstill = of(account)
    if standstill.reason:
        return lambda invoice_id: True
    if standstill.channels:
        return lambda invoice_id: _channel_of(account, invoice_id) in standstill.channels
    return None


def _channel_of(account: Account, invoice_id: uuid.UUID) -> str:
    """Return the channel of the planned message, else the channel that would be chosen now."""
    planned = Communication.objects.filter(invoice=invoice_id, status=State.SCHEDULED, step__isnull=False)
    channel = planned.values_list("channel", flat=True).first()
    if channel:
        return str(channel)
    invoice = Invoice.objects.select_related("debtor").get(account=account, pk=invoice_id)
    invoice.account = account
    step = ladder.next_step(invoice, policies.steps_of(invoice), account.today())
    return addresses.choose(invoice, step.channels, kind=step.kind).channel if step else ""


_IS_STOPPED = (
    Q(account__suspended_at__isnull=False)
    | Q(account__collection__is_stopped=True)
    | Q(account__collection__stopped_channels__contains=[F("channel")])
)


def with_is_stopped(rows: "QuerySet[Communication]") -> "QuerySet[Any]":
    """Annotate planned messages with `is_stopped`: stopped by the switch or by a suspension of the account."""
    stopped = ExpressionWrapper(_IS_STOPPED, output_field=BooleanField())
    return rows.annotate(is_stopped=Coalesce(stopped, False))


# --- Banners of the dashboard ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Banner:
    """A line that every page of the dashboard shows while messages are stopped.

    `url` is the page on which they are resumed, or empty if the user may not resume them.
    """

    text: str
    url: str = ""


def banners(user: User) -> list[Banner]:
    """Return banners for up to three accounts of the user whose messages are stopped, and one for the rest."""
    on = Q(is_stopped=True) | ~Q(stopped_channels=[])
    stopped = rows_of(user, CollectionSettings.objects.filter(on)).select_related("account")
    found = list(stopped.order_by("account__name", "pk")[: MAX_BANNERS + 1])
    shown = [_banner(user, rules) for rules in found[:MAX_BANNERS]]
    if len(found) > MAX_BANNERS:
        shown.append(Banner(_("Messages of other accounts are stopped as well."), _page("changelist")))
    return shown


def _banner(user: User, rules: CollectionSettings) -> Banner:
    if rules.is_stopped:
        text = _("All messages are stopped until somebody resumes them.")
    else:
        names = _(", ").join(str(Medium(channel).label) for channel in rules.stopped_channels)
        if len(rules.stopped_channels) == 1:
            text = _("%(channel)s messages are stopped. Due messages are held until somebody resumes them.")
            text %= {"channel": names}
        else:
            text = _(
                "Messages by these channels are stopped: %(channels)s."
                " Due messages are held until somebody resumes them."
            )
            text %= {"channels": names}
    if user.is_superuser:
        text = f"{rules.account}: {text}"
    return Banner(text, _page("resume", rules.pk) if user.may(Role.MANAGER) else "")


def _page(name: str, *args: object) -> str:
    return reverse(f"admin:communications_collectionsettings_{name}", args=args)
