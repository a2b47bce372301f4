"""Row actions of a debtor about consent and page links."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from communications.contacts import consent
from communications.models import Medium, Source
from communications.portal import links
from inflow.accounts.actors import Actor
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.forms import ReasonForm, refusals_on
from invoices.models import Debtor


def _leave(debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
    consent.leave(debtor, "", actor, Source.STAFF, form.cleaned_data["reason"])
    return _("Nothing is sent to %(debtor)s any more.") % {"debtor": debtor}


def _return_debtor(debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        consent.return_debtor(debtor, actor, form.cleaned_data["reason"])
    return _("%(debtor)s may be written to again.") % {"debtor": debtor}


def _agree(debtor: Debtor, actor: Actor, form: ReasonForm) -> str:
    with refusals_on(form):
        consent.agree(debtor, Medium.WHATSAPP, actor, form.cleaned_data["reason"])
    return _("%(debtor)s may be written to by WhatsApp.") % {"debtor": debtor}


def _revoke(debtor: Debtor, actor: Actor, form: PageForm) -> str:
    links.revoke(debtor, actor)
    return _("The links that were sent to this debtor lead nowhere now. The next message has a new one.")


_ACTIONS = {
    "opt_out": row_action(
        _lazy("Stop writing"),
        _leave,
        needs=Role.AGENT,
        icon="notifications_off",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is None,
        intro=_lazy("The debtor asked not to be written to, on any channel. Your reason stays in the consent log."),
    ),
    "opt_in": row_action(
        _lazy("Write again"),
        _return_debtor,
        needs=Role.AGENT,
        icon="undo",
        form=ReasonForm,
        fits=lambda debtor: debtor.opted_out_at is not None,
        intro=_lazy("Only where the debtor asked for it. Your reason stays in the consent log."),
    ),
    "agree": row_action(
        _lazy("Record WhatsApp consent"),
        _agree,
        needs=Role.AGENT,
        icon="how_to_reg",
        form=ReasonForm,
        fits=lambda debtor: bool(debtor.phone) and debtor.opted_out_at is None,
        intro=_lazy(
            "WhatsApp asks that the debtor agreed to be written to. Say where and how they did; it stays in the log."
        ),
    ),
    "revoke_links": row_action(
        _lazy("Revoke page links"),
        _revoke,
        needs=Role.AGENT,
        icon="link_off",
        intro=_lazy("For a link that came into wrong hands. The next message carries a new one."),
        is_grave=True,
    ),
}
