"""Debtors that may be the same: side by side, to be merged or kept apart."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from communications.contacts import readers
from inflow.accounts.access import actor, person
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, bdi, moment_column, text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.debtor_figures import owed
from invoices.debtors import duplicate_search, duplicates
from invoices.errors import Refused
from invoices.models import OPEN, Debtor, Likeness, PossibleDuplicate


class ReasonFilter(OptionsFilter):
    title, parameter_name = _lazy("reason"), "reason"
    options: ClassVar[Options] = {
        value: (Likeness(value).label, Q(reasons__contains=[value])) for value in Likeness.values
    }


class KeptApartFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "listed": (_lazy("To be decided"), Q(kept_apart_at=None)),
        "apart": (_lazy("Kept apart"), Q(kept_apart_at__isnull=False)),
    }


@admin.register(PossibleDuplicate)
class PossibleDuplicateAdmin(OwnRowsAdmin):
    """Pairs of debtors that may be the same. They are found every night, and when a manager requests it."""

    list_before_template = "admin/invoices/possibleduplicate/search.html"
    empty_text = _lazy(
        "No possible duplicates are listed. InFlow compares names, addresses and phone numbers every "
        "night and lists similar debtors here. You then merge them or keep them apart. To merge two debtors "
        "that you know, open one of them and choose “Merge into…”."
    )
    ordering = ("-found_at", "-id")
    list_display = ("one_shown", "other_shown", "reasons_shown", "shared_shown", "found", "state")
    list_filter = (KeptApartFilter, ReasonFilter)
    list_select_related = ("one", "other")
    search_fields = ("one__name", "one__company", "other__name", "other__company", "shared")
    export_columns = (
        *(("one", "one__name"), ("one_company", "one__company"), ("other", "other__name")),
        *(("other_company", "other__company"), "shared", "found_at", "kept_apart_at", "kept_apart_by"),
    )
    fields = ("reasons_shown", "shared_shown", "found_at", ("kept_apart_at", "kept_apart_by"))
    readonly_fields = ("reasons_shown", "shared_shown")
    actions_detail = ("keep_apart", "list_again", "one_reader")

    @row_action(
        _lazy("Keep apart"),
        needs=Role.MANAGER,
        icon="call_split",
        fits=lambda pair: pair.kept_apart_at is None,
        intro=_lazy("They are two debtors. The pair is not listed again."),
    )
    def keep_apart(self, pair: PossibleDuplicate, actor: Actor, form: PageForm) -> str:
        duplicates.keep_apart(pair.account, pair.pk, actor)
        return _("%(pair)s are kept apart.") % {"pair": pair}

    @row_action(
        _lazy("List again"),
        needs=Role.MANAGER,
        icon="undo",
        fits=lambda pair: pair.kept_apart_at is not None,
    )
    def list_again(self, pair: PossibleDuplicate, actor: Actor, form: PageForm) -> str:
        duplicates.list_again(pair.account, pair.pk, actor)
        return _("%(pair)s are listed again.") % {"pair": pair}

    @row_action(
        _lazy("One reader"),
        needs=Role.MANAGER,
        icon="person",
        fits=lambda pair: bool(pair.shared),
        intro=_lazy("One person reads the shared address for both. The contact limits count per address too."),
    )
    def one_reader(self, pair: PossibleDuplicate, actor: Actor, form: PageForm) -> str:
        if not pair.shared:
            raise Refused("pair", "no_address", _("These debtors have no address in common."))
        readers.set_one_reader(pair.account, pair.shared, actor)
        return _("The contact limits apply to %(address)s too.") % {"address": pair.shared}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.search))
        return [path("search", view, name="invoices_possibleduplicate_search"), *super().get_urls()]

    def search(self, request: HttpRequest) -> HttpResponse:
        """Request a search for the person's account. Platform staff have none."""
        user = person(request)
        if not user.may(Role.MANAGER) or user.account is None:
            raise PermissionDenied
        if duplicate_search.request(user.account, actor(request)):
            messages.success(request, _("The search was started. Reload the page in a moment."))
        else:
            messages.info(request, _("A search is running already."))
        return HttpResponseRedirect(self.url("changelist"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        account = person(request).account
        search = duplicate_search.of(account) if account else None
        context = {"search": search, "may_search": person(request).may(Role.MANAGER)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[PossibleDuplicate]:
        rows: QuerySet[PossibleDuplicate] = duplicates.current(super().get_queryset(request))
        return rows.select_related("one", "other")

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        pair = self.get_object(request, object_id)
        sides = [(pair.one, pair.other), (pair.other, pair.one)]
        return {
            "sides": [(_side(debtor, pair), other) for debtor, other in sides],
            "may_merge": person(request).may(Role.MANAGER),
        }

    one_shown = text_column(_lazy("Debtor"), "one__name", "one__company")
    other_shown = text_column(_lazy("Other debtor"), "other__name", "other__company")
    found = moment_column(_lazy("Found on"), "found_at")

    @display(description=_lazy("Reasons"))
    def reasons_shown(self, pair: PossibleDuplicate) -> str:
        return format_html_join(" ", "{}", ((badge(Likeness(reason).label, "info"),) for reason in pair.reasons))

    @display(description=_lazy("Shared address"))
    def shared_shown(self, pair: PossibleDuplicate) -> str:
        return bdi(pair.shared or "–")

    @display(description=_lazy("State"))
    def state(self, pair: PossibleDuplicate) -> str:
        return badge(_("Kept apart"), "") if pair.kept_apart_at else badge(_("To be decided"), "warning")


def _side(debtor: Debtor, pair: PossibleDuplicate) -> dict[str, Any]:
    debtor.account = pair.account
    counts = debtor.invoices.aggregate(all=Count("pk"), open=Count("pk", filter=Q(status__in=OPEN)))
    newest = debtor.invoices.order_by("-created_at").values_list("invoice_number", flat=True)[:5]
    return {
        "debtor": debtor,
        "owed": [row for row in owed(debtor) if row["open_count"] or row["credit"]],
        "counts": counts,
        "newest": list(newest),
        "identities": list(debtor.identities.order_by().values_list("email", "phone").distinct()[:10]),
    }
