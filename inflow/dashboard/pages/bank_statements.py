"""Bank statements: their periods, balances and gaps, and their lines with the proposals."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from communications.delivery import safeguards
from inflow.accounts import audit
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import amount, badge, bdi, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.about_invoice import exact
from inflow.dashboard.pages.bank_cells import outcome, party, shown, state_badge
from inflow.dashboard.pages.bank_lines import BankAccountFilter
from invoices import money
from invoices.bank import files, posting, statements
from invoices.models.bank import TO_DO, BankLine, BankStatement, BankStatementLine, Certainty, LineState

LINES_ON_A_PAGE = 100
_REFUSALS_SHOWN = 5
_WORK = {"to_do": list(TO_DO), "posted": [LineState.POSTED], "ignored": [LineState.IGNORED]}


class ConfirmCertainForm(PageForm):
    """Confirms all certain lines. A person may say that with them all payments up to today are recorded."""

    is_complete = forms.BooleanField(
        required=False,
        label=_lazy("All payments received up to today are recorded"),
        help_text=_lazy(
            "Tick this box if your statements reach today. Messages that wait for payment data are released."
        ),
    )

    def facts(self) -> Any:
        certain = posting.certain(certain_of(self.row))
        return [
            (_("Certain lines"), str(len(certain))),
            (_("Amount"), money.display(sum((line.amount for line in certain), Decimal(0)), self.row.currency)),
        ]


def lines_of(statement: BankStatement) -> "QuerySet[BankLine]":
    """Return the lines that the statement shows."""
    found: QuerySet[BankLine] = BankLine.objects.for_account(statement.account).filter(shown__statement=statement)
    return found


def certain_of(statement: BankStatement) -> "QuerySet[BankLine]":
    """Return the lines to do whose first proposal is certain."""
    return lines_of(statement).filter(certainty=Certainty.CERTAIN, state__in=TO_DO).order_by("day", "pk")


@admin.register(BankStatement)
class BankStatementAdmin(OwnRowsAdmin):
    empty_text = _lazy(
        "There are no bank statements. Choose “Import a file” to upload a statement from your bank as "
        "CAMT.053, MT940 or CSV."
    )
    list_display = ("account_shown", "period", "opening_shown", "closing_shown", "gap_shown", "to_do_shown")
    list_filter = (BankAccountFilter, ("to_date", RangeDateFilter))
    search_fields = ("bank_account", "statement_id", "sequence")
    ordering = ("-to_date", "-from_date", "-created_at", "-id")
    export_columns = (
        *("bank_account", "statement_id", "sequence", "from_date", "to_date", "currency"),
        *(exact("opening_balance"), exact("closing_balance"), exact("lines_total"), "id"),
    )
    fields = ()
    actions_detail = ("confirm_certain", "match_again")

    @row_action(
        _lazy("Confirm all certain lines"),
        icon="done_all",
        form=ConfirmCertainForm,
        fits=lambda statement: certain_of(statement).exists(),
        intro=_lazy(
            "Lines whose invoice numbers and amount are exact are recorded as payments, and lines that are recorded"
            " already are linked. Each can be undone."
        ),
        is_primary=True,
    )
    def confirm_certain(self, statement: BankStatement, actor: Actor, form: ConfirmCertainForm) -> str:
        done, refused = posting.accept_certain(statement.account, certain_of(statement), actor)
        if form.cleaned_data["is_complete"]:
            released = safeguards.record_sync(statement.account, actor)
            audit.record(
                statement.account, actor.name, "payments.synced", str(statement.account)[:120], released=released
            )
        text = ngettext("%(count)d line was confirmed.", "%(count)d lines were confirmed.", done) % {"count": done}
        if refused:
            reasons = "; ".join(refused[:_REFUSALS_SHOWN])
            text += " " + _("Not confirmed: %(why)s") % {"why": reasons}
        return text

    @row_action(
        _lazy("Match again"),
        icon="sync",
        intro=_lazy("All lines to do are compared with the invoices that are open now. Nothing is recorded."),
    )
    def match_again(self, statement: BankStatement, actor: Actor, form: PageForm) -> str:
        files.wake_matcher(statement.account_id)
        return _("The lines are being matched. Reload the page in a moment.")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[BankStatement]":
        rows: QuerySet[BankStatement] = super().get_queryset(request)
        shown_lines = BankStatementLine.objects.filter(statement=OuterRef("pk")).order_by().values("statement")
        counted = shown_lines.annotate(count=Count("pk")).values("count")
        to_do = shown_lines.filter(line__state__in=TO_DO).annotate(count=Count("pk")).values("count")
        return statements.with_gaps(rows).annotate(
            line_count=Coalesce(Subquery(counted), 0), to_do_count=Coalesce(Subquery(to_do), 0)
        )

    def import_url(self, request: HttpRequest) -> str | None:
        return reverse("admin:invoices_bankfile_add") if person(request).may(Role.AGENT) else None

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        statement: BankStatement = self.get_object(request, object_id)
        work = request.GET.get("work", "")
        rows = statement.shown.select_related("line__receipt", "line__account").order_by("position")
        if work in _WORK:
            rows = rows.filter(line__state__in=_WORK[work])
        current = Paginator(rows, LINES_ON_A_PAGE).get_page(request.GET.get("page"))
        states = dict(lines_of(statement).order_by().values_list("state").annotate(Count("pk")))
        counts = {"": sum(states.values())}
        counts |= {name: sum(states.get(state, 0) for state in wanted) for name, wanted in _WORK.items()}
        labels = {"": _("All lines"), "to_do": _("To do"), "posted": _("Recorded"), "ignored": _("Ignored")}
        proposals = shown([row.line for row in current])
        days = f"{date_format(statement.from_date)} – {date_format(statement.to_date)}"
        return {
            "title": f"\u2068{statement.bank_account}\u2069 \u2068{days}\u2069",
            "statement": statement,
            "balances": [
                (_("Opening balance"), _money(statement.opening_balance, statement.currency)),
                (_("Lines"), _money(statement.lines_total, statement.currency)),
                (_("Closing balance"), _money(statement.closing_balance, statement.currency)),
            ],
            "gap": _gap(statement),
            "unexplained": money.display(statement.unexplained, statement.currency) if statement.unexplained else "",
            "chips": [
                {"value": name, "label": label, "count": counts[name], "is_chosen": name == work}
                for name, label in labels.items()
            ],
            "work": work,
            "page": current,
            "lines": [_row(row, proposals.get(row.line_id, [])) for row in current],
            "certain": len(posting.certain(certain_of(statement))) if person(request).may(Role.AGENT) else 0,
            "certain_url": self.url("confirm_certain", statement.pk),
            "may_work": person(request).may(Role.AGENT),
        }

    @display(description=_lazy("Bank account"), ordering="bank_account")
    def account_shown(self, statement: BankStatement) -> str:
        return two_lines(statement.bank_account, statement.sequence or statement.statement_id)

    @display(description=_lazy("Period"), ordering="to_date")
    def period(self, statement: BankStatement) -> str:
        return bdi(_period(statement))

    @display(description=_lazy("Opening balance"))
    def opening_shown(self, statement: BankStatement) -> str:
        return _money(statement.opening_balance, statement.currency)

    @display(description=_lazy("Closing balance"))
    def closing_shown(self, statement: BankStatement) -> str:
        return _money(statement.closing_balance, statement.currency)

    @display(description=_lazy("Gap before"))
    def gap_shown(self, statement: BankStatement) -> str:
        return badge(_gap(statement), "danger") if _gap(statement) else "–"

    @display(description=_lazy("To do"))
    def to_do_shown(self, statement: Any) -> str:
        return bdi(f"{statement.to_do_count} / {statement.line_count}")


def _period(statement: BankStatement) -> str:
    days = dict.fromkeys([statement.from_date, statement.to_date])
    return " – ".join(date_format(day) for day in days)


def _money(value: Any, currency: str) -> str:
    return "–" if value is None else amount(value, currency)


def _gap(statement: BankStatement) -> str:
    missing = statements.gap(statement)
    return money.display(missing, statement.currency) if missing else ""


def _row(row: BankStatementLine, proposals: list[Any]) -> dict[str, Any]:
    line = row.line
    return {
        "line": line,
        "url": reverse("admin:invoices_bankline_change", args=[line.pk]),
        "amount": money.display(line.amount, line.currency),
        "original": money.display(line.original_amount, line.original_currency)
        if line.original_amount is not None
        else "",
        "party": party(line),
        "state": state_badge(line),
        "outcome": outcome(line),
        "proposal": proposals[0] if proposals else None,
        "more": len(proposals) - 1,
        "confirm_url": reverse("admin:invoices_bankline_confirm", args=[line.pk]) if proposals else "",
        "record_url": reverse("admin:invoices_bankline_allocate", args=[line.pk]) if line.amount > 0 else "",
        "ignore_url": reverse("admin:invoices_bankline_ignore", args=[line.pk]),
    }
