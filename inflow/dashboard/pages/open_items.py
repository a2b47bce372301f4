"""Comparison with the books: lists of open items, and the differences found in them."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminFileFieldWidget

from inflow.accounts.access import actor, person
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import ClockInput, DayField, OwnAccountForm
from inflow.dashboard.core.markup import link, moment_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import form_page
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.differences import SureForm
from inflow.dashboard.pages.open_items_source import failure_of
from invoices import money
from invoices.errors import Refused
from invoices.models import (
    DifferenceKind,
    DifferenceStatus,
    OpenItemsList,
    OpenItemsSource,
)
from invoices.models.imports import DateOrder
from invoices.reconciliation import comparing, correcting, reading

# Corrections in one request.
MOST = 500


class ListForm(OwnAccountForm):
    file = forms.FileField(
        label=_lazy("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text=_lazy("CSV or XLSX with the invoice number, the balance, and if possible the due date and currency."),
    )
    as_of = DayField(
        label=_lazy("Date of the list"),
        help_text=_lazy(
            "In the account's time zone. Invoices that were registered on this day are not reported as closed, because"
            " the list may be older."
        ),
    )
    made_at = forms.TimeField(
        label=_lazy("Time of the list"),
        required=False,
        widget=ClockInput(),
        help_text=_lazy("Optional. Invoices that were registered earlier on that day are then compared, too."),
    )
    is_complete = forms.BooleanField(
        label=_lazy("The list contains all open invoices"),
        required=False,
        initial=True,
        help_text=_lazy(
            "Only then can InFlow tell what is already paid in the books. This applies to the currencies in the list."
        ),
    )
    currency = forms.ChoiceField(
        required=False, label=_lazy("Currency"), help_text=_lazy("For rows without a currency.")
    )
    date_order = forms.ChoiceField(choices=DateOrder.choices, required=False, label=_lazy("Order of day and month"))

    def prepare(self) -> None:
        super().prepare()
        self.set_choices("currency", [("", "–"), *((code, code) for code in sorted(money.EXPONENTS))])
        if self.person.account:
            self.fields["as_of"].initial = self.person.account.today()

    def clean(self) -> None:
        if not self.errors and self.account and self.moments()[0] > self.account.now():
            self.add_error("as_of", _("It must not be in the future."))

    def moments(self) -> tuple[dt.datetime, dt.datetime]:
        """Return the first and the last moment at which the list can have been made."""
        day, time, account = self.cleaned_data["as_of"], self.cleaned_data["made_at"], self.account
        assert account is not None
        first = dt.datetime.combine(day, time or dt.time.min, account.zone)
        last = dt.datetime.combine(day, time or dt.time.max, account.zone)
        return first, max(first, min(last, account.now()))


class CorrectAllForm(SureForm):
    """Choice of the kinds to correct."""

    kinds = forms.MultipleChoiceField(label=_lazy("Differences"), widget=UnfoldAdminCheckboxSelectMultipleWidget)
    field_order = ("kinds", "sure")

    def prepare(self) -> None:
        counts = _correctable_counts(self.row)
        self.set_choices("kinds", [(kind, f"{DifferenceKind(kind).label}: {count}") for kind, count in counts.items()])
        self.fields["kinds"].initial = list(counts)
        self.ask_again(sum(counts.values()))


def _correctable_counts(row: OpenItemsList) -> dict[str, int]:
    rows = correcting.correctable(row.differences.all()).order_by("kind").values_list("kind")
    return dict(rows.annotate(count=Count("pk")))


@admin.register(OpenItemsList)
class OpenItemsListAdmin(OwnRowsAdmin):
    """Lists of open items, compared when they arrive."""

    empty_text = _lazy(
        "No list has been compared yet. Upload the open items of your accounting system to see which invoices differ."
    )
    adds = Role.AGENT
    list_display = ("made", "source", "file_name", "complete_shown", "items", "differences_shown", "created")
    list_filter = choices("source")
    search_fields = ("file_name",)
    export_columns = ("created_at", "source", "file_name", "as_of", "items", "actor", "id")
    ordering = ("-created_at", "-id")
    fields = (("made", "source"), ("file_name", "actor"), ("complete_shown", "items"), "differences_shown")
    readonly_fields = ("made", "complete_shown", "differences_shown")
    actions_detail = ("correct_all",)

    @row_action(
        _lazy("Correct all differences"),
        icon="published_with_changes",
        form=CorrectAllForm,
        fits=lambda row: correcting.correctable(row.differences.all()).exists(),
        intro=_lazy(
            "Records the payments that the books have, and takes over their due dates. The timeline of each invoice "
            "names this list as the reason."
        ),
        is_grave=True,
    )
    def correct_all(self, row: OpenItemsList, actor: Actor, form: CorrectAllForm) -> str:
        chosen = correcting.correctable(row.differences.filter(kind__in=form.cleaned_data["kinds"]))
        keys = list(chosen.order_by("id").values_list("pk", flat=True)[:MOST])
        correcting.check_number(row.account, len(keys), is_sure=form.is_sure)
        done = sum(_is_corrected(row, pk, actor) for pk in keys)
        text = ngettext("%(count)d invoice was corrected.", "%(count)d invoices were corrected.", done) % {
            "count": done
        }
        left = correcting.correctable(row.differences.all()).count()
        return f"{text} {_('Differences left: %(count)d.') % {'count': left}}" if left else text

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = ListForm(*data, person=person(request))
        return form_page(
            self,
            request,
            form,
            lambda: self._compare(request, form),
            title=_("Compare with the books"),
            button=_("Compare"),
            intro=_("Upload the list of open invoices from your accounting system. Nothing is changed."),
            back=self.url("changelist"),
        )

    def _compare(self, request: HttpRequest, form: ListForm) -> HttpResponse:
        upload, account = form.cleaned_data["file"], form.account
        assert account is not None
        options = {name: form.cleaned_data[name] for name in ("currency", "date_order")}
        items = reading.read(upload.read(), account, **options)
        earliest, as_of = form.moments()
        comparing.check_not_empty(account, items)
        stored, _found = comparing.record(
            account,
            items,
            actor(request),
            source=OpenItemsList.Source.UPLOAD,
            as_of=as_of,
            earliest=earliest,
            complete=comparing.listed_currencies(account, items) if form.cleaned_data["is_complete"] else (),
            file_name=upload.name or "",
        )
        return HttpResponseRedirect(_differences_url(stored))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show why the last scheduled fetch of the account failed."""
        source = OpenItemsSource.objects.filter(account=person(request).account_id).first()
        if request.method == "GET" and source and (failure := failure_of(source)):
            messages.warning(request, failure)
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OpenItemsList]:
        is_open = Q(differences__status=DifferenceStatus.OPEN)
        rows: QuerySet[OpenItemsList] = super().get_queryset(request)
        return rows.annotate(open_differences=Count("differences", filter=is_open))

    made = moment_column(_lazy("Date of the list"), "as_of")
    created = moment_column(_lazy("Compared on"), "created_at")

    @display(description=_lazy("Complete for"))
    def complete_shown(self, row: OpenItemsList) -> str:
        return ", ".join(row.complete) or "–"

    @display(description=_lazy("Open differences"))
    def differences_shown(self, row: Any) -> str:
        return link(_differences_url(row), str(row.open_differences))


def _differences_url(row: OpenItemsList) -> str:
    return f"{reverse('admin:invoices_difference_changelist')}?list__id__exact={row.pk}&status__exact=open"


def _is_corrected(row: OpenItemsList, pk: int, actor: Actor) -> bool:
    """Correct one difference. Leave it open if the invoice has changed since."""
    try:
        correcting.correct(row.account, pk, actor, is_sure=True)
    except Refused:
        return False
    return True
