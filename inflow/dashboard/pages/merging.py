"""Merging and splitting debtors, and the list of merges with their undo."""

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from inflow.accounts.access import actor
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.canonical import canonical_words
from inflow.dashboard.core import listing
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, link, moment_column, text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import page
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import OptionalReasonForm, invoice_label
from invoices import money
from invoices.debtors import duplicates, merging, splitting
from invoices.errors import Refused
from invoices.models import Debtor, DebtorMerge, Invoice

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_MOST_FOUND = 20
_MOST_INVOICES = 300
# What a merge moves, as the preview shows it. Other rows are not shown.
_MOVED = {
    "invoice": _lazy("Invoices"),
    "receipt": _lazy("Payments"),
    "creditnote": _lazy("Credit notes"),
    "contact": _lazy("Contacts"),
    "debtorexternalid": _lazy("External IDs"),
    "contactcorrection": _lazy("Replaced addresses"),
    "communication": _lazy("Messages"),
    "reply": _lazy("Replies"),
    "answer": _lazy("Debtor page responses"),
    "promise": _lazy("Open promises"),
}


def moved(counts: dict[str, int]) -> "list[tuple[StrOrPromise, str]]":
    """Return labels and numbers of the moved rows."""
    return [(label, str(counts[name])) for name, label in _MOVED.items() if name in counts]


# --- Merging -----------------------------------------------------------------------------------------------------


def merge_into(model_admin: OwnRowsAdmin, request: HttpRequest, debtor: Debtor) -> HttpResponse:
    """Find the debtor that remains, preview the merge, and merge on POST."""
    query = request.GET.get("q", "")[: listing.MAX_LENGTH]
    shown, errors = None, []
    if into := _id(request.POST.get("into") or request.GET.get("into", "")):
        try:
            if request.method == "POST":
                done = merging.merge(debtor.account, debtor.pk, into, actor(request))
                text = _("%(loser)s was merged into %(winner)s. You can undo this for %(days)s days under Merges.")
                values = {"loser": debtor, "winner": done.winner, "days": merging.UNDO_WITHIN.days}
                messages.success(request, text % values)
                return HttpResponseRedirect(model_admin.url("change", done.winner_id))
            shown = merging.preview(debtor.account, debtor.pk, into)
        except Refused as refusal:
            errors = [refusal.message]
    context = {
        "title": _("Merge into another debtor"),
        "errors": errors,
        "back": model_admin.url("change", debtor.pk),
        "debtor": debtor,
        "query": query,
        "found": _found(debtor, query) if query else [],
        "alike": _alike(debtor),
        **(_of_preview(shown) if shown else {}),
    }
    return page(model_admin, request, "admin/invoices/debtor/merge.html", context)


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _found(debtor: Debtor, query: str) -> list[Debtor]:
    rows = Debtor.objects.for_account(debtor.account).filter(merged_into=None).exclude(pk=debtor.pk)
    for word in listing.bounded(canonical_words(query)).split():
        names = Q(name__icontains=word) | Q(company__icontains=word)
        rows = rows.filter(names | Q(email__icontains=word) | Q(phone__icontains=word))
    return list(rows.order_by("name", "pk")[:_MOST_FOUND])


def _alike(debtor: Debtor) -> list[Debtor]:
    pairs = duplicates.listed(debtor.account).filter(Q(one=debtor) | Q(other=debtor)).select_related("one", "other")
    return [pair.other if pair.one_id == debtor.pk else pair.one for pair in pairs[:_MOST_FOUND]]


def _of_preview(shown: merging.Preview) -> dict[str, Any]:
    return {
        "into": shown.winner,
        "moved": moved(shown.moves),
        "outstanding": [money.display(amount, currency) for currency, amount in sorted(shown.outstanding.items())],
        "credit": [money.display(amount, currency) for currency, amount in sorted(shown.credit.items())],
        "effects": shown.effects,
        "days": merging.UNDO_WITHIN.days,
    }


# --- Splitting ---------------------------------------------------------------------------------------------------


class SplitForm(OptionalReasonForm):
    """Chooses invoices of a debtor."""

    invoices = forms.MultipleChoiceField(
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label=_lazy("Invoices of the new debtor"),
        help_text=_lazy("At least one invoice stays with this debtor."),
    )
    field_order = ("invoices", "reason")

    def prepare(self) -> None:
        super().prepare()
        newest = Invoice.objects.filter(debtor=self.row).order_by("-created_at", "-invoice_number")[:_MOST_INVOICES]
        self.set_choices("invoices", [(str(each.pk), _label(each)) for each in newest])


def _label(invoice: Invoice) -> str:
    return f"{invoice_label(invoice)} · {invoice.debtor_company or invoice.debtor_name}"


def split(debtor: Debtor, actor: Actor, form: SplitForm) -> str:
    """Split the chosen invoices off, and return a message about it."""
    ids = [uuid.UUID(pk) for pk in form.cleaned_data["invoices"]]
    done = splitting.split(debtor.account, debtor.pk, ids, actor, reason=form.cleaned_data["reason"])
    count = len(done.invoices)
    text = ngettext(
        "%(count)s invoice now belongs to the new debtor %(debtor)s.",
        "%(count)s invoices now belong to the new debtor %(debtor)s.",
        count,
    ) % {"count": count, "debtor": done.debtor}
    if done.staying:
        staying = ", ".join(str(receipt) for receipt in done.staying)
        text += " " + _("Payments that also pay invoices of this debtor stay here: %(list)s.") % {"list": staying}
    return text


# --- Merges ------------------------------------------------------------------------------------------------------


class UndoMergeForm(PageForm):
    """Shows what an undo moves back, and what stays."""

    def facts(self) -> "list[tuple[StrOrPromise, str]]":
        done: DebtorMerge = self.row
        theirs = done.moved.get("invoices.invoice.debtor", [])
        since = Invoice.objects.filter(debtor=done.winner_id, created_at__gt=done.created_at).exclude(pk__in=theirs)
        numbers = list(since.order_by("created_at").values_list("invoice_number", flat=True)[:9])
        staying = ", ".join(numbers[:8]) + (", …" if len(numbers) > 8 else "")
        return [
            (_("Back to"), str(done.loser)),
            *moved(merging.counts(done)),
            (_("Registered since; they stay with %(debtor)s") % {"debtor": done.winner}, staying or "–"),
        ]


class MergeStateFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "valid": (_lazy("Valid"), Q(undone_at=None)),
        "undone": (_lazy("Undone"), Q(undone_at__isnull=False)),
    }


@admin.register(DebtorMerge)
class DebtorMergeAdmin(OwnRowsAdmin):
    """Merged debtors. A merge can be undone for 30 days."""

    empty_text = _lazy("No debtors have been merged. After a merge, you can undo it here for 30 days.")
    ordering = ("-created_at", "-id")
    list_display = ("loser_shown", "winner_shown", "merged", "merged_by", "state")
    list_filter = (MergeStateFilter,)
    list_select_related = ("loser", "winner")
    search_fields = ("loser__name", "loser__company", "winner__name", "winner__company")
    export_columns = (
        *(("merged_debtor", "loser__name"), ("remaining_debtor", "winner__name"), "merged_at", "merged_by"),
        *("undone_at", "undone_by", "id"),
    )
    fields = (("loser_shown", "winner_link"), ("merged_at", "merged_by"), ("undone_at", "undone_by"), "state")
    readonly_fields = ("loser_shown", "winner_link", "state")
    actions_detail = ("undo",)

    @row_action(
        _lazy("Undo the merge"),
        needs=Role.MANAGER,
        icon="undo",
        form=UndoMergeForm,
        fits=lambda done: done.undone_at is None and done.account.now() <= merging.undo_until(done),
        intro=_lazy("Moves back exactly what the merge moved. Planned messages are rescheduled."),
        is_grave=True,
    )
    def undo(self, done: DebtorMerge, actor: Actor, form: UndoMergeForm) -> str:
        merging.undo(done.account, done.pk, actor)
        return _("The merge was undone. %(debtor)s is a separate debtor again.") % {"debtor": done.loser}

    loser_shown = text_column(_lazy("Merged debtor"), "loser__name", "loser__company")
    winner_shown = text_column(_lazy("Remaining debtor"), "winner__name", "winner__company")
    merged = moment_column(_lazy("Merged"), "merged_at")

    @display(description=_lazy("Remaining debtor"))
    def winner_link(self, done: DebtorMerge) -> str:
        return link(reverse("admin:invoices_debtor_change", args=[done.winner_id]), done.winner)

    @display(description=_lazy("State"))
    def state(self, done: DebtorMerge) -> str:
        if done.undone_at:
            return badge(_("Undone"), "")
        until = merging.undo_until(done)
        if done.account.now() > until:
            return badge(_("Valid"), "success")
        day = date_format(until.astimezone(done.account.zone), "DATE_FORMAT")
        return badge(_("Can be undone until %(day)s") % {"day": day}, "info")
