"""Lines of bank statements: what is to do, with its proposals, and what was done."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from inflow.accounts.actors import Actor
from inflow.dashboard.core.bulk import bulk
from inflow.dashboard.core.filters import OptionsFilter, ValuesFilter, choices
from inflow.dashboard.core.forms import PageForm, TextField
from inflow.dashboard.core.markup import amount, badge, bdi, link, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import page_action, record, row_action
from inflow.dashboard.pages.about_invoice import exact
from inflow.dashboard.pages.bank_cells import CERTAINTY_BADGES, outcome, party, shown, state_badge
from inflow.dashboard.pages.bank_recording import record_line
from invoices.bank import posting
from invoices.bank.proposals import Action, mark, reasons_shown, stored
from invoices.errors import Refused
from invoices.models.bank import TO_DO, BankLine, Certainty, LineResult, LineState

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class ProposalsForm(PageForm):
    """A form about the proposals. It is refused if they have changed since they were shown."""

    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    def prepare(self) -> None:
        self.fields["shown"].initial = mark(self.row)

    def clean_shown(self) -> str:
        given: str = self.cleaned_data["shown"]
        if given not in ("", mark(self.row)):
            raise ValidationError(_changed())
        return given


class ConfirmForm(ProposalsForm):
    """Shows what the first proposal will do."""

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        proposals = shown([self.row]).get(self.row.pk, [])[:1]
        return [
            (_("Line"), str(self.row)),
            (_("Other party"), party(self.row)),
            *((each.title, each.text.partition(": ")[2]) for each in proposals),
            *((_("Reason"), each.reasons) for each in proposals),
        ]


class ConfirmSelectedForm(PageForm):
    """A form with the first proposal of each selected line. `shown` has their marks by line."""

    shown = forms.JSONField(required=False, widget=forms.HiddenInput)

    def prepare(self) -> None:
        self.fields["shown"].initial = {str(line.pk): mark(line) for line in self.selected}

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        proposals = shown(self.selected)
        return [(str(line), each.text) for line in self.selected for each in proposals.get(line.pk, [])[:1]]

    def check(self, line: BankLine) -> None:
        """Raise ValidationError if the line can't be confirmed with others."""
        marks = self.cleaned_data["shown"]
        if isinstance(marks, dict) and marks.get(str(line.pk), "") not in ("", mark(line)):
            raise ValidationError(_changed())
        if stored(line)[0].action == Action.REVERSE:
            raise ValidationError(_("A reversal can only be confirmed on the page of its line."))


class ChooseForm(ProposalsForm):
    """A choice between the proposals."""

    proposal = forms.ChoiceField(label=_lazy("Proposal"), widget=forms.RadioSelect)

    def prepare(self) -> None:
        super().prepare()
        found = shown([self.row]).get(self.row.pk, [])
        choices = [(str(place), f"{each.text} ({each.reasons})") for place, each in enumerate(found)]
        self.set_choices("proposal", choices)


class IgnoreForm(PageForm):
    reason = TextField(
        rows=2, max_length=300, help_text=_lazy("For example: interest, a transfer between own accounts.")
    )


class UndoLineForm(PageForm):
    reason = TextField(rows=2, required=False, max_length=300, help_text=_lazy("Shown on the timeline."))


def _changed() -> str:
    return _("The proposals have changed in the meantime. Reload the page and check them again.")


def _has_proposal(line: BankLine) -> bool:
    return line.is_to_do and bool(line.proposals)


def _may_be_undone(line: BankLine) -> bool:
    return line.state == LineState.POSTED and line.result != LineResult.REVERSED


class WorkFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "work"
    options: ClassVar[Any] = {
        "to_do": (_lazy("To do"), Q(state__in=TO_DO)),
        "posted": (_lazy("Recorded"), Q(state=LineState.POSTED)),
        "ignored": (_lazy("Ignored"), Q(state=LineState.IGNORED)),
    }


class BankAccountFilter(ValuesFilter):
    title, parameter_name, path = _lazy("bank account"), "bank_account", "bank_account"


@admin.register(BankLine)
class BankLineAdmin(OwnRowsAdmin):
    empty_text = _lazy(
        "There are no bank lines. They appear here after a bank statement has been uploaded: see Bank statements."
    )
    list_display = ("day", "party_shown", "amount_shown", "proposal_shown", "state_shown")
    list_filter = (WorkFilter, *choices("certainty"), BankAccountFilter, ("day", RangeDateFilter))
    search_fields = ("payer_name", "payer_account", "text", "end_to_end", "bank_reference")
    search_help_text = _lazy("Name, account, text or reference")
    ordering = ("-day", "-created_at", "-id")
    export_columns = (
        *("day", exact("amount"), "currency", "payer_name", "payer_account", "text", "end_to_end", "bank_reference"),
        *("state", "result", "reason", "actor", "bank_account", "id"),
    )
    fields = readonly_fields = (
        *("amount_shown", "original_shown", "day", "value_day", "bank_account", "payer_name", "payer_account"),
        *("text", "end_to_end", "bank_reference", "return_shown", "payment_link"),
    )
    actions: ClassVar[Any] = ("confirm_selected",)
    actions_detail = ("confirm", "allocate", "choose", "ignore", "reopen", "undo")

    @row_action(
        _lazy("Confirm proposal"),
        icon="check",
        form=ConfirmForm,
        fits=_has_proposal,
        is_primary=True,
    )
    def confirm(self, line: BankLine, actor: Actor, form: ConfirmForm | ConfirmSelectedForm) -> str:
        if isinstance(form, ConfirmSelectedForm):
            form.check(line)
        return _accept(line, 0, actor)

    @page_action(_lazy("Record payment"), icon="payments", fits=lambda line: line.is_to_do and line.amount > 0)
    def allocate(self, request: HttpRequest, line: BankLine) -> HttpResponse:
        return record_line(self, request, line)

    @row_action(
        _lazy("Choose a proposal"),
        icon="rule",
        form=ChooseForm,
        fits=lambda line: _has_proposal(line) and len(line.proposals) > 1,
    )
    def choose(self, line: BankLine, actor: Actor, form: ChooseForm) -> str:
        return _accept(line, int(form.cleaned_data["proposal"]), actor)

    @row_action(
        _lazy("Ignore"),
        icon="block",
        form=IgnoreForm,
        fits=lambda line: line.is_to_do,
        intro=_lazy("For money that has nothing to do with a debtor. The line is taken off the list of lines to do."),
    )
    def ignore(self, line: BankLine, actor: Actor, form: IgnoreForm) -> str:
        posting.ignore(line.account, line.pk, actor, **form.cleaned_data)
        record(line, actor, "bankline.ignored", **form.cleaned_data)
        return _("The line is ignored.")

    @row_action(_lazy("Put back"), icon="undo", fits=lambda line: line.state == LineState.IGNORED)
    def reopen(self, line: BankLine, actor: Actor, form: PageForm) -> str:
        posting.reopen(line.account, line.pk, actor)
        record(line, actor, "bankline.reopened")
        return _("The line is back on the list of lines to do.")

    @row_action(
        _lazy("Undo"),
        icon="undo",
        form=UndoLineForm,
        fits=_may_be_undone,
        intro=_lazy(
            "The payment that the line recorded is voided, and the line is back on the list of lines to do. A payment"
            " that was recorded by hand stays; only its link to the line is removed."
        ),
        is_grave=True,
    )
    def undo(self, line: BankLine, actor: Actor, form: UndoLineForm) -> str:
        posting.undo(line.account, line.pk, actor, **form.cleaned_data)
        record(line, actor, "bankline.undone", **form.cleaned_data)
        return _("The line is back on the list of lines to do.")

    confirm_selected = bulk(confirm, ConfirmSelectedForm)

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        line: BankLine = self.get_object(request, object_id)
        return {
            "line": line,
            "title": str(line),
            "state": state_badge(line),
            "outcome": outcome(line),
            "proposals": shown([line]).get(line.pk, []),
            "statements": [
                {"url": reverse("admin:invoices_bankstatement_change", args=[row.statement_id]), "text": row.statement}
                for row in line.shown.select_related("statement").order_by("statement__from_date")[:10]
            ],
        }

    @display(description=_lazy("Other party"), ordering="payer_name")
    def party_shown(self, line: BankLine) -> str:
        return two_lines(party(line), line.text[:80])

    @display(description=_lazy("Amount"), ordering="amount")
    def amount_shown(self, line: BankLine) -> str:
        return amount(line.amount, line.currency)

    @display(description=_lazy("Original amount"))
    def original_shown(self, line: BankLine) -> str:
        return amount(line.original_amount, line.original_currency) if line.original_amount is not None else "–"

    @display(description=_lazy("Return"))
    def return_shown(self, line: BankLine) -> str:
        return bdi(line.return_reason or _("Yes")) if line.is_return else "–"

    @display(description=_lazy("Proposal"), ordering="certainty")
    def proposal_shown(self, line: BankLine) -> str:
        if not _has_proposal(line):
            return "–"
        certainty = Certainty(line.certainty)
        reasons = two_lines("", reasons_shown(stored(line)[0]))
        return badge(certainty.label, CERTAINTY_BADGES[certainty]) + reasons

    @display(description=_lazy("State"), ordering="state")
    def state_shown(self, line: BankLine) -> str:
        return state_badge(line)

    @display(description=_lazy("Payment"))
    def payment_link(self, line: BankLine) -> str:
        links = [link(reverse("admin:invoices_payment_change", args=[each.pk]), each) for each in line.payments]
        return format_html_join(_(", "), "{}", ((each,) for each in links)) or "–"


def _accept(line: BankLine, place: int, actor: Actor) -> str:
    proposals = stored(line)
    if place >= len(proposals):
        raise Refused("line", "decided", _("The line was handled in the meantime. Reload the page."))
    posting.accept(line.account, line, proposals[place], actor)
    return {
        Action.RECEIVE: _("The payment was recorded."),
        Action.LINK: ngettext(
            "The line is linked to the payment. No money was recorded.",
            "The line is linked to %(count)d payments. No money was recorded.",
            len(proposals[place].payments()),
        )
        % {"count": len(proposals[place].payments())},
        Action.REVERSE: _(
            "The payment was reversed. No messages about its invoices are sent before the next working day."
        ),
    }[Action(proposals[place].action)]
