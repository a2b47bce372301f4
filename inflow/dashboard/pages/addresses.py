"""Addresses of debtors, and the consent log."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from communications.contacts import consent, readers
from communications.models import Address, ConsentEntry
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter, choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge, bdi, moment_column, text_column, two_lines
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import ReasonForm
from inflow.languages import field_label


class AddressStateFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "left": (_lazy("Opted out"), Q(opted_out_at__isnull=False)),
        "invalid": (_lazy("Bounced"), Q(invalid_at__isnull=False)),
    }


@admin.register(Address)
class AddressAdmin(OwnRowsAdmin):
    """Addresses that have bounced, or that have opted in or out of messages."""

    ordering = ("address", "channel")
    list_display = ("address_shown", "channel", "state", "opted_out", "invalid_because")
    list_filter = (AddressStateFilter, *choices("channel"))
    search_fields = ("address",)
    export_columns = ("channel", "address", "opted_out_at", "invalid_at", "invalid_because")
    fields = (
        ("address_shown", "channel"),
        "state",
        ("opted_out_at", "opted_in_at", "heard_at"),
        ("invalid_at", "invalid_because"),
        "has_one_reader",
    )
    readonly_fields = ("address_shown", "state")
    actions_detail = ("opt_in", "set_one_reader", "set_many_readers")

    @row_action(
        _lazy("Allow messages again"),
        icon="undo",
        form=ReasonForm,
        fits=lambda record: record.opted_out_at is not None,
        intro=_lazy("Only at the request of its owner. The reason is recorded in the consent log."),
    )
    def opt_in(self, record: Address, actor: Actor, form: ReasonForm) -> str:
        consent.restore_address(record, actor, form.cleaned_data["reason"])
        return _("Messages to %(contact)s are allowed again.") % {"contact": record}

    @row_action(
        _lazy("One reader"),
        needs=Role.MANAGER,
        icon="person",
        fits=lambda record: not record.has_one_reader,
        intro=_lazy("One person reads this address for several debtors. The contact limits count per address too."),
    )
    def set_one_reader(self, record: Address, actor: Actor, form: PageForm) -> str:
        readers.set_reader(record, actor, has_one=True)
        return _("The contact limits apply to %(address)s too.") % {"address": record}

    @row_action(
        _lazy("Several readers"),
        needs=Role.MANAGER,
        icon="groups",
        fits=lambda record: record.has_one_reader,
        intro=_lazy("Each debtor is contacted within its own limits, whoever reads the address."),
    )
    def set_many_readers(self, record: Address, actor: Actor, form: PageForm) -> str:
        readers.set_reader(record, actor, has_one=False)
        return _("The contact limits apply to each debtor at %(address)s.") % {"address": record}

    address_shown = text_column(_lazy("Address"), "address")

    @display(description=_lazy("State"))
    def state(self, record: Address) -> str:
        return address_badge(record)

    opted_out = moment_column(_lazy("Opted out"), "opted_out_at")


def address_badge(record: Address | None) -> str:
    if record and record.opted_out_at:
        return badge(_("Opted out"), "warning")
    return badge(_("Bounced"), "danger") if record and record.invalid_at else badge(_("Good"), "success")


@admin.register(ConsentEntry)
class ConsentEntryAdmin(OwnRowsAdmin):
    """Entries of the consent log, which is append-only."""

    list_display = ("when", "what_shown", "where", "debtor", "source", "actor_shown", "text_shown")
    list_filter = choices("what", "channel", "source")
    linked_by = ("debtor__id__exact",)
    list_select_related = ("debtor",)
    search_fields = ("address", "text", "debtor__name")
    export_columns = (*("at", "what", "channel", "address", ("debtor", "debtor__name"), "source", "text", "actor"),)
    fields = ("at", "what", "where", "debtor", "source", "actor_shown", "text_shown")
    readonly_fields = ("where", "actor_shown", "text_shown")

    when = moment_column(_lazy("When"), "at")

    @display(description=_lazy("Change"), ordering="what")
    def what_shown(self, entry: ConsentEntry) -> str:
        return badge(entry.get_what_display(), "warning" if entry.what == "opted_out" else "success")

    @display(description=_lazy("actor"))
    def actor_shown(self, entry: ConsentEntry) -> str:
        return bdi(field_label(entry.actor) if entry.actor in ("clock", "debtor") else entry.actor)

    @display(description=_lazy("text"))
    def text_shown(self, entry: ConsentEntry) -> str:
        return bdi(entry.text)

    @display(description=_lazy("Address"))
    def where(self, entry: ConsentEntry) -> SafeString:
        if not entry.channel:
            return bdi(_("All channels"))
        return two_lines(entry.address, entry.get_channel_display())
