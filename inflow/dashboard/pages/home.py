"""Home page: receivables by currency and age, collected payments, scheduled messages, and work that needs attention.

The database counts the rows that the person may see; currencies are never added up. Each figure links to the list
behind it.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, Q, Sum, Window
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from communications.models import Communication, State
from communications.schedule import ordering, standstill
from inflow.accounts.access import person, rows_of
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.dashboard.core.markup import badge
from inflow.dashboard.pages import first_run, tasks
from inflow.dashboard.pages.deliveries import delivery_badge
from inflow.dashboard.pages.home_figures import PROMISES_WITHIN, Receivables, receivables, today_of
from inflow.dashboard.pages.message_rows import state_badge
from invoices import ledger, money
from invoices.models import OPEN, CaseStatus, Escalation, Invoice, PaymentReport, ReportStatus
from webhooks.models import Delivery, DeliveryStatus

SHOWN = 6


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the template's context. unfold calls it for each index page."""
    user = person(request)
    today = today_of(user)
    currencies = receivables(user)
    cards = [_card(each, today) for each in currencies]
    sent, scheduled = _messages(user), _scheduled(user)
    tasks_count, tasks_due = tasks.due(user, SHOWN)
    return {
        **context,
        "title": _("Home"),
        "cards": cards,
        "scheduled": scheduled,
        "scheduled_url": reverse("admin:communications_communication_changelist") + "?status=scheduled",
        "cases": _cases(user),
        "cases_url": reverse("admin:invoices_escalation_changelist") + "?status=unresolved&whose=waiting",
        "credits": _credits(user) if any(each.credit for each in currencies) else [],
        "credits_url": reverse("admin:invoices_debtor_changelist") + "?credit=any",
        "tasks_count": tasks_count,
        "tasks": tasks_due,
        "tasks_url": reverse("admin:invoices_task_changelist") + "?state=open&whose=waiting",
        "payment_reports": _payment_reports(user),
        "payment_reports_url": reverse("admin:invoices_paymentreport_changelist") + "?status__exact=open",
        "messages_sent": sent,
        "messages_url": reverse("admin:communications_communication_changelist"),
        "failing": _failing(user),
        "deliveries_url": reverse("admin:webhooks_delivery_changelist"),
        "sees_webhooks": user.may(Role.ADMIN),
        "first_steps": first_run.steps(request, has_figures=bool(cards), has_sent=bool(sent), scheduled=scheduled),
    }


def _card(each: Receivables, today: dt.date) -> dict[str, Any]:
    """Return the formatted figures of one currency."""

    def shown(amount: Decimal) -> str:
        return money.display(amount, each.currency)

    def listed(name: str, **filters: object) -> str:
        return reverse(f"admin:invoices_{name}_changelist") + "?" + urlencode({**filters, "currency": each.currency})

    best = max(each.weeks.values(), default=Decimal(0))
    return {
        "currency": each.currency,
        "outstanding": shown(each.outstanding),
        "open_count": each.open_count,
        "open_url": listed("invoice", due="open"),
        "overdue": shown(each.overdue),
        "overdue_count": each.overdue_count,
        "overdue_url": listed("invoice", due="past"),
        "parts": _parts(each, lambda due: listed("invoice", due=due)),
        "collected": shown(each.collected_this_month),
        "collected_url": listed("payment", paid_at_from=today.replace(day=1), paid_at_to=today),
        "dso": _("more than two years")
        if each.dso is None
        else ngettext("%(days)d day", "%(days)d days", each.dso) % {"days": each.dso},
        "promised": shown(each.promised),
        "promised_count": each.promised_count,
        "promised_url": listed("promise", status__exact="open", promised_on_to=today + PROMISES_WITHIN),
        "credit": shown(each.credit) if each.credit else "",
        "credit_url": reverse("admin:invoices_debtor_changelist") + "?" + urlencode({"credit": each.currency}),
        "weeks": _weeks(each, best, shown),
        "best_week": shown(best),
    }


def _parts(each: Receivables, listed: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return the buckets of the ageing bar, with `start` and `width` in percent of the outstanding amount."""
    labels = {
        "later": _("Not due"),
        "1-30": _("1–30 days"),
        "31-60": _("31–60"),
        "61-90": _("61–90"),
        "over-90": _("Over 90"),
        "on_hold": _("On hold"),
        "disputed": _("Disputed"),
    }
    held = {name: amount for name, amount in (("on_hold", each.on_hold), ("disputed", each.disputed)) if amount}
    parts, start = [], 0.0
    for age, amount in (each.ages | held).items():
        width = float(100 * amount / each.outstanding) if each.outstanding else 0.0
        shown = money.format_number(amount, each.currency)
        part = {"age": age, "label": labels[age], "amount": shown, "url": listed(age)}
        parts.append({**part, "start": round(start, 2), "width": round(width, 2)})
        start += width
    return parts


def _weeks(each: Receivables, best: Decimal, shown: Callable[[Decimal], str]) -> list[dict[str, Any]]:
    """Return the bars of the chart, which is 120 wide and 32 high."""
    bars = []
    for place, (monday, amount) in enumerate(each.weeks.items()):
        height = 0.5 + (29.5 * float(max(amount, Decimal(0)) / best) if best > 0 else 0.0)
        label = _("Week of %(day)s: %(amount)s") % {"day": date_format(monday, "j M"), "amount": shown(amount)}
        bars.append({"label": label, "x": 10 * place + 1, "y": round(31 - height, 2), "height": round(height, 2)})
    return bars


def _scheduled(user: User) -> dict[str, Any]:
    """Return the messages scheduled for today and tomorrow."""
    today = today_of(user)
    zone = user.account.zone if user.account else dt.UTC
    midnight, next_midnight = (
        dt.datetime.combine(today + dt.timedelta(days=days), dt.time.min, zone) for days in (1, 2)
    )
    planned = rows_of(user, Communication.objects.filter(status=State.SCHEDULED, scheduled_for__lt=next_midnight))
    stopped = standstill.of(user.account) if user.account else standstill.Standstill()
    if stopped.reason:
        planned = planned.none()
    planned = standstill.with_is_stopped(planned).filter(is_stopped=False)
    counted = planned.annotate(
        until_tomorrow=Window(Count("pk")), until_midnight=Window(Count("pk", filter=Q(scheduled_for__lt=midnight)))
    )
    soonest = (
        counted.select_related("invoice").defer("body", "html").order_by("scheduled_for", *ordering.SEND_ORDER)[:SHOWN]
    )
    today_count = max((message.until_midnight for message in soonest), default=0)
    tomorrow_count = max((message.until_tomorrow for message in soonest), default=0) - today_count
    rows = [
        {
            "title": f"{message.invoice.invoice_number} · {message.invoice.debtor_name}",
            "to": message.recipient or _("no address"),
            "at": message.scheduled_for,
            "badge": badge(message.get_kind_display(), "info"),
            "url": reverse("admin:invoices_invoice_change", args=[message.invoice_id]),
        }
        for message in soonest
    ]
    return {"today": today_count, "tomorrow": tomorrow_count, "rows": rows, "is_stopped": bool(stopped.reason)}


def _cases(user: User) -> list[dict[str, Any]]:
    """Return the unresolved cases that are assigned to the person or unassigned, the oldest first."""
    waiting = Escalation.objects.exclude(status=CaseStatus.RESOLVED).filter(Q(assignee=None) | Q(assignee=user))
    oldest = rows_of(user, waiting).select_related("invoice").order_by("-level", "opened_at", "id")
    return [
        {
            "title": f"{case.invoice.invoice_number} · {case.invoice.debtor_name}",
            "to": money.display(case.invoice.balance, case.invoice.currency),
            "at": case.opened_at,
            "badge": badge(str(case), "danger" if case.level > 1 else "warning"),
            "url": reverse("admin:invoices_escalation_change", args=[case.pk]),
        }
        for case in oldest[:SHOWN]
    ]


def _credits(user: User) -> list[dict[str, Any]]:
    """Return the debtors with the most unapplied credit that could pay an open invoice in its currency."""
    still_open = Invoice.objects.filter(debtor=OuterRef("debtor"), currency=OuterRef("currency"), status__in=OPEN)
    rows = rows_of(user, ledger.unapplied().filter(Exists(still_open))).order_by()
    by_debtor = rows.values("debtor_id", "debtor__name", "debtor__company", "currency")
    return [
        {
            "title": row["debtor__company"] or row["debtor__name"],
            "to": money.display(row["credit"], row["currency"]),
            "at": None,
            "badge": "",
            "url": reverse("admin:invoices_debtor_change", args=[row["debtor_id"]]),
        }
        for row in by_debtor.annotate(credit=Sum("unallocated")).order_by("-credit", "debtor_id")[:SHOWN]
    ]


def _payment_reports(user: User) -> list[dict[str, Any]]:
    """Return the payment providers' reports that could not be recorded or take money back, the newest first."""
    newest = rows_of(user, PaymentReport.objects.filter(status=ReportStatus.OPEN)).order_by("-created_at", "-id")
    return [
        {
            "title": str(report),
            "to": report.invoice_number or report.reference,
            "at": report.created_at,
            "badge": badge(report.get_status_display(), "warning"),
            "url": reverse("admin:invoices_paymentreport_change", args=[report.pk]),
        }
        for report in newest[:SHOWN]
    ]


def _messages(user: User) -> list[dict[str, Any]]:
    newest = rows_of(user, Communication.objects.filter(sent_at__isnull=False)).order_by("-sent_at", "-id")
    return [
        {
            "title": message.subject or message.get_kind_display(),
            "to": message.recipient,
            "at": message.sent_at,
            "badge": state_badge(message),
            "url": reverse("admin:communications_communication_change", args=[message.pk]),
        }
        for message in newest.defer("body", "html")[:SHOWN]
    ]


def _failing(user: User) -> list[dict[str, Any]]:
    if not user.may(Role.ADMIN):
        return []
    failing = Q(status=DeliveryStatus.FAILED) | Q(status=DeliveryStatus.PENDING, attempts_made__gt=0)
    newest = rows_of(user, Delivery.objects.filter(failing, subscription__deleted_at=None))
    return [
        {
            "title": delivery.event.get_type_display(),
            "to": delivery.subscription.target_url,
            "at": delivery.next_attempt_at or delivery.created_at,
            "badge": delivery_badge(delivery),
            "url": reverse("admin:webhooks_delivery_change", args=[delivery.pk]),
        }
        for delivery in newest.select_related("event", "subscription").defer("event__body")[:SHOWN]
    ]
