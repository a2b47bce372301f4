"""Debtors: the list, and a page for each debtor."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import CharField, Exists, Func, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from communications.contacts import consent
from communications.models import Medium, Source
from communications.portal import links
from communications.schedule import calls
from inflow.accounts.access import actor, person, rows_of
from inflow.accounts.actors import Actor
from inflow.accounts.models import User
from inflow.accounts.roles import Role
from inflow.canonical import canonical_words
from inflow.dashboard.core import listing
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, bdi, lines, text_column
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import page_action, row_action
from inflow.dashboard.pages import ages, debtor_figures, debtor_messages, debtor_rows, files, merging, notes, tasks
from inflow.dashboard.pages.credit_notes import issue_to_debtor
from inflow.dashboard.pages.debtor_contacts import ContactInline, Contacts
from inflow.dashboard.pages.files import FileActions
from inflow.dashboard.pages.forms import (
    CallForm,
    DebtorCreditForm,
    DebtorForm,
    NeverChaseForm,
    ReasonForm,
    payable_by_credit,
)
from inflow.dashboard.pages.invoice_actions import apply_credit
from inflow.dashboard.pages.money_forms import DebtorCreditNoteForm
from inflow.dashboard.pages.notes import NoteActions
from inflow.dashboard.pages.tasks import TaskActions
from inflow.dashboard.pages.transfers import record_transfer
from invoices import ledger, money
from invoices.debtors import aliases, editing, searching
from invoices.errors import Refused
from invoices.models import OPEN, Debtor, Invoice

_NO_LIMIT = 1_000_000_000


class CreditFilter(DropdownFilter):
    title, parameter_name = _lazy("unapplied credit"), "credit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = rows_of(person(request), ledger.unapplied().order_by("currency"))
        codes = own.values_list("currency", flat=True).distinct()
        return [("any", _("In any currency")), *((code, code) for code in codes)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Debtor]) -> QuerySet[Debtor]:
        if not self.value():
            return queryset
        credit = rows_of(person(request), ledger.unapplied())
        if self.value() != "any":
            credit = credit.filter(currency=self.value())
        return queryset.filter(pk__in=credit.values("debtor_id"))


class OwnerFilter(DropdownFilter):
    title, parameter_name = _lazy("owner"), "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        members = rows_of(person(request), User.objects.filter(is_active=True, account__isnull=False))
        owners = members.filter(Exists(Debtor.objects.filter(owner=OuterRef("pk")))).order_by("email")
        return [
            ("me", _("Me")),
            ("none", _("Nobody")),
            *((str(pk), email) for pk, email in owners.values_list("pk", "email")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Debtor]) -> QuerySet[Debtor]:
        value = self.value()
        if not value:
            return queryset
        if value == "none":
            return queryset.filter(owner=None)
        return queryset.filter(owner=person(request).pk if value == "me" else value)


class TagFilter(DropdownFilter):
    title, parameter_name = _lazy("tag"), "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        own = rows_of(person(request), Debtor.objects.exclude(tags=[])).order_by()
        tags = own.annotate(tag=Func("tags", function="unnest", output_field=CharField())).values_list("tag", flat=True)
        return [(tag, tag) for tag in sorted(tags.distinct())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Debtor]) -> QuerySet[Debtor]:
        return queryset.filter(tags__contains=[self.value()]) if self.value() else queryset


class StateFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "open": (_lazy("With open invoices"), lambda user: _with_invoices(Q(status__in=OPEN))),
        "overdue": (_lazy("With overdue invoices"), lambda user: _with_invoices(ages.overdue(user))),
        "never_chase": (_lazy("Never chase"), Q(never_chase=True)),
        "answered": (_lazy("Response needs attention"), Q(answered_at__isnull=False)),
        "opted_out": (_lazy("Opted out"), Q(opted_out_at__isnull=False)),
    }


def _with_invoices(condition: Q) -> Q:
    return Q(Exists(Invoice.objects.filter(condition, debtor=OuterRef("pk"))))


def _exported(amounts: Callable[[Any], dict[str, Decimal]]) -> Callable[[Any], str]:
    """Return an export column with the exact amount of each currency."""
    return lambda debtor: "; ".join(
        f"{currency} {money.quantize(amount, currency)}" for currency, amount in sorted(amounts(debtor).items())
    )


@admin.register(Debtor)
class DebtorAdmin(NoteActions, TaskActions, FileActions, OwnRowsAdmin):
    """Debtors. A corrected contact is used from then on; invoices keep the name they came with."""

    changes = Role.AGENT
    form = DebtorForm
    ordering = ("name", "pk")
    list_display = ("name_shown", "outstanding", "overdue", "credit", "owner", "marks", "created_at")
    list_filter = (StateFilter, OwnerFilter, TagFilter, CreditFilter)
    list_select_related = ("owner",)
    list_fullwidth = True
    search_fields = ("name", "company", "email", "phone")
    search_help_text = _lazy(
        "Beginning of any word of the name, company or email, end of the phone number, or external id"
    )
    export_columns = (
        *("name", "company", "email", "phone", "language", "time_zone", "country", "subdivision"),
        *(("owner", "owner__email"), ("tags", lambda debtor: ", ".join(debtor.tags)), ("policy", "policy__name")),
        *("never_chase", "never_chase_reason", ("outstanding", _exported(debtor_figures.outstanding))),
        *(("overdue", _exported(debtor_figures.overdue)), ("credit", _exported(debtor_figures.credit))),
        *("opted_out_at", "created_at", "id"),
    )
    fields = (
        *(("name", "company"), ("email", "phone"), ("language", "time_zone"), ("country", "subdivision")),
        *(("owner", "policy"), "tags"),
    )
    inlines = (ContactInline, *debtor_rows.INLINES)
    actions_detail = (
        *("record_transfer", "apply_credit", "log_call", "send_statement", "chase_again"),
        {
            "title": _lazy("More"),
            "items": [
                "timeline",
                "add_note",
                "add_task",
                "add_file",
                "credit_note",
                "never_chase",
                "opt_out",
                "opt_in",
                "agree",
                "revoke_links",
                "statement",
                "merge_into",
                "split",
            ],
        },
    )

    @row_action(
        _lazy("Never chase"),
        icon="notifications_off",
        form=NeverChaseForm,
        fits=lambda debtor: not debtor.never_chase,
        intro=_lazy("No messages about any invoice of this debtor are sent until somebody chooses “Chase again”."),
    )
    def never_chase(self, debtor: Debtor, actor: Actor, form: NeverChaseForm) -> str:
        editing.never_chase(debtor.account, debtor.pk, actor, form.cleaned_data["reason"])
        return _("No messages are sent to %(debtor)s any more.") % {"debtor": debtor}

    @row_action(
        _lazy("Chase again"),
        icon="notifications_active",
        fits=lambda debtor: debtor.never_chase,
        intro=_lazy("Reminders continue where they stopped."),
    )
    def chase_again(self, debtor: Debtor, actor: Actor, form: PageForm) -> str:
        editing.chase_again(debtor.account, debtor.pk, actor)
        return _("Reminders to %(debtor)s continue.") % {"debtor": debtor}

    timeline = page_action(_lazy("Timeline"), needs=Role.VIEWER, icon="history")(debtor_rows.timeline)

    record_transfer = page_action(_lazy("Record a transfer"), icon="payments")(record_transfer)

    @row_action(
        _lazy("Issue credit note"),
        icon="request_quote",
        form=DebtorCreditNoteForm,
        intro=_lazy("For a credit note without an invoice: all of it becomes the debtor's credit."),
    )
    def credit_note(self, debtor: Debtor, actor: Actor, form: DebtorCreditNoteForm) -> str:
        return issue_to_debtor(debtor, actor, form)

    @row_action(
        _lazy("Apply credit"),
        icon="account_balance_wallet",
        form=DebtorCreditForm,
        fits=lambda debtor: payable_by_credit(debtor).exists(),
        intro=_lazy("Applies the debtor's unapplied credit to an open invoice in the same currency."),
    )
    def apply_credit(self, debtor: Debtor, actor: Actor, form: DebtorCreditForm) -> str:
        return apply_credit(form.cleaned_data["invoice"], actor, form)

    @row_action(
        _lazy("Stop messages"),
        icon="notifications_off",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is None,
        intro=_lazy(
            "For a debtor who wants no more messages on any channel. The reason is recorded in the consent log."
        ),
    )
    def opt_out(self, debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
        consent.opt_out(debtor, "", actor, Source.STAFF, form.cleaned_data["reason"])
        return _("Nothing is sent to %(debtor)s any more.") % {"debtor": debtor}

    @row_action(
        _lazy("Allow messages again"),
        icon="undo",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is not None,
        intro=_lazy("Only at the debtor's request. The reason is recorded in the consent log."),
    )
    def opt_in(self, debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
        consent.restore_debtor(debtor, actor, form.cleaned_data["reason"])
        return _("Messages to %(contact)s are allowed again.") % {"contact": debtor}

    @row_action(
        _lazy("Record WhatsApp consent"),
        icon="how_to_reg",
        form=ReasonForm,
        fits=lambda debtor: bool(debtor.phone) and debtor.opted_out_at is None,
        intro=_lazy(
            "WhatsApp requires the debtor's consent. Enter where and how it was given; it is recorded in the consent "
            "log."
        ),
    )
    def agree(self, debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
        consent.opt_in(debtor, Medium.WHATSAPP, actor, form.cleaned_data["reason"])
        return _("WhatsApp messages to %(debtor)s are allowed.") % {"debtor": debtor}

    @row_action(
        _lazy("Revoke page links"),
        icon="link_off",
        intro=_lazy("For a link to the debtor page that got into the wrong hands. The next message has a new link."),
        is_grave=True,
    )
    def revoke_links(self, debtor: Debtor, actor: Actor, form: PageForm) -> str:
        links.revoke(debtor, actor)
        return _("All links sent to this debtor have stopped working. The next message has a new one.")

    @row_action(
        _lazy("Log a call"),
        icon="call",
        form=CallForm,
        intro=_lazy("A call in which somebody was reached counts as a contact."),
    )
    def log_call(self, debtor: Debtor, actor: Actor, form: CallForm) -> str:
        calls.log(debtor.account, actor, debtor_id=debtor.pk, **form.cleaned_data)
        return _("The call was logged.")

    merge_into = page_action(_lazy("Merge into…"), needs=Role.MANAGER, icon="merge")(merging.merge_into)

    @row_action(
        _lazy("Split"),
        needs=Role.MANAGER,
        icon="call_split",
        form=merging.SplitForm,
        fits=lambda debtor: debtor.invoices.count() > 1,
        intro=_lazy("Moves the chosen invoices, with their payments and planned messages, to a new debtor."),
    )
    def split(self, debtor: Debtor, actor: Actor, form: merging.SplitForm) -> str:
        return merging.split(debtor, actor, form)

    # Linked from the page, once for each language.
    statement = page_action("Statement", needs=Role.VIEWER, icon="description", fits=lambda debtor: False)(
        debtor_messages.statement_pdf
    )

    send_statement = page_action(
        _lazy("Send statement"),
        icon="forward_to_inbox",
        fits=lambda debtor: debtor.invoices.filter(status__in=OPEN).exists(),
    )(debtor_messages.send_statement)

    def row_context(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        debtor = self.get_object(request, object_id)
        return {
            "owed": debtor_figures.owed(debtor),
            "age_headings": debtor_figures.headings(),
            **debtor_rows.context(debtor),
            **debtor_messages.context(debtor),
            "notes": notes.shown(debtor, person(request)),
            "tasks": tasks.shown(debtor, person(request)),
            "files": files.shown(debtor, person(request)),
            "sendable": debtor_messages.sendable(debtor) if person(request).may(Role.AGENT) else [],
        }

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Redirect from a merged debtor to the one that replaces it."""
        own = rows_of(person(request), Debtor.objects.exclude(merged_into=None)).select_related("account")
        if listing.are_keys(Debtor, [object_id]) and (merged := own.filter(pk=object_id).first()):
            return HttpResponseRedirect(self.url("change", aliases.current(merged).pk))
        return super().change_view(request, object_id, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Debtor, form: Any, change: bool) -> None:
        """Update a changed contact on the debtor's invoices too. The change is in the audit log."""
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        editing.change(obj.account, obj.pk, actor(request), values)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        if isinstance(formset, Contacts) and formset.has_changed():
            debtor = form.instance
            try:
                editing.change(debtor.account, debtor.pk, actor(request), {}, contacts=formset.values())
            except Refused as refusal:  # somebody else has changed them meanwhile
                messages.error(request, refusal.message)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Debtor]:
        rows: QuerySet[Debtor] = super().get_queryset(request).filter(merged_into=None)
        return rows

    def with_figures(self, request: HttpRequest, rows: QuerySet[Debtor]) -> QuerySet[Debtor]:
        return debtor_figures.with_balances(rows, person(request))

    def get_inlines(self, request: HttpRequest, obj: Debtor | None) -> list[Any]:
        """Leave out empty tables."""
        return [each for each in self.inlines if each is ContactInline or each.has_rows(obj)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Debtor], search_term: str
    ) -> tuple[QuerySet[Debtor], bool]:
        """Find debtors by the beginnings of words, the end of the phone number, an external id or an email."""
        if not (text := listing.bounded(canonical_words(search_term))):
            return queryset, False
        found = Debtor.objects.filter(searching.matching(person(request).account_id, text)).order_by()
        # With a limit, PostgreSQL finds them by their words first. Otherwise it reads debtors in the order of the list
        # and splits the names of each into words, until it has a page.
        return queryset.filter(pk__in=found.values("pk")[:_NO_LIMIT]), False

    name_shown = text_column(_lazy("Name"), "name", "company")

    @display(description=_lazy("Outstanding"))
    def outstanding(self, debtor: Any) -> str:
        return lines(debtor_figures.in_words(debtor_figures.outstanding(debtor)))

    @display(description=_lazy("Past due"))
    def overdue(self, debtor: Any) -> str:
        return lines(debtor_figures.in_words(debtor_figures.overdue(debtor)))

    @display(description=_lazy("Credit"))
    def credit(self, debtor: Any) -> str:
        return lines(debtor_figures.in_words(debtor_figures.credit(debtor)))

    @display(description=_lazy("Tags"))
    def marks(self, debtor: Debtor) -> SafeString:
        """Return the debtor's tags, and a badge if nothing is sent."""
        shown = [badge(tag) for tag in debtor.tags]
        if debtor.never_chase:
            shown.insert(0, badge(_("Never chase"), "warning"))
        return format_html_join(" ", "{}", ((each,) for each in shown)) or bdi("–")
