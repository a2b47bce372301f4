"""The audit log in words: a sentence for each action. Who has a new action writes its sentence here."""

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inflow import languages
from inflow.accounts.models import AuditEntry
from inflow.dashboard.core import exporting
from inflow.dashboard.core.markup import isolated

SENTENCES: dict[str, Promise | str] = {
    "account.changed": _("%(actor)s changed the account %(target)s"),
    "account.created": _("%(actor)s made the account %(target)s"),
    "api_key.created": _("%(actor)s made the API key %(target)s"),
    "api_key.revoked": _("%(actor)s revoked the API key %(target)s"),
    "api_key.rotated": _("%(actor)s rotated the API key %(target)s"),
    "calendarrule.changed": _("%(actor)s changed the calendar: %(target)s"),
    "calendarrule.created": _("%(actor)s added to the calendar: %(target)s"),
    "collectionsettings.changed": _("%(actor)s changed the rules of %(target)s"),
    "collectionsettings.limits_changed": _("%(actor)s changed the limits of %(target)s"),
    "debtor.link_made": _("%(actor)s got a link to the page of %(target)s"),
    "debtor.links_revoked": _("%(actor)s revoked the page links of %(target)s"),
    "delivery.replayed": _("%(actor)s sent the webhook %(target)s again"),
    "gateway.changed": _("%(actor)s changed the gateway %(target)s"),
    "gateway.created": _("%(actor)s made the gateway %(target)s"),
    "gateway.switched_off": _("%(actor)s switched the gateway %(target)s off"),
    "gateway.switched_on": _("%(actor)s switched the gateway %(target)s on"),
    "gateway.templates_changed": _("%(actor)s changed the approved templates of the gateway %(target)s"),
    "import.confirmed": _("%(actor)s confirmed the import of %(target)s"),
    "import.discarded": _("%(actor)s discarded the import of %(target)s"),
    "import.done": _("%(target)s is imported, as %(actor)s confirmed"),
    "import.mapped": _("%(actor)s chose what the columns of %(target)s are"),
    "import.stopped": _("%(actor)s stopped the import of %(target)s"),
    "import.uploaded": _("%(actor)s uploaded %(target)s to be imported"),
    "invitation.accepted": _("%(actor)s accepted the invitation"),
    "invitation.created": _("%(actor)s invited %(target)s"),
    "invitation.resent": _("%(actor)s sent the invitation of %(target)s again"),
    "invitation.withdrawn": _("%(actor)s withdrew the invitation of %(target)s"),
    "messages.resumed": _("%(actor)s resumed the messages of %(target)s"),
    "messages.stopped": _("%(actor)s stopped the messages of %(target)s"),
    "messagetemplate.changed": _("%(actor)s changed the template %(target)s"),
    "messagetemplate.reset": _("%(actor)s took the built-in template back: %(target)s"),
    "payments.synced": _("%(actor)s confirmed that the payments of %(target)s are up to date"),
    "reminderpolicy.created": _("%(actor)s made the policy %(target)s"),
    "reminderpolicy.edited": _("%(actor)s changed the steps of the policy %(target)s"),
    "reminderpolicy.switched_on": _("%(actor)s switched the policy %(target)s on"),
    "second_step.codes_renewed": _("%(actor)s got new recovery codes"),
    "second_step.recovery_code_used": _("%(actor)s logged in by a recovery code"),
    "second_step.refused": _("%(actor)s gave a wrong code at log-in"),
    "second_step.reset": _("%(actor)s reset the two steps of %(target)s"),
    "second_step.set_up": _("%(actor)s set up log-in in two steps"),
    "second_step.turned_off": _("%(actor)s turned log-in in two steps off"),
    "senderprofile.changed": _("%(actor)s changed the sender %(target)s"),
    "session.ended": _("%(actor)s logged out"),
    "session.locked_out": _("Log-in as %(target)s was closed after too many failures"),
    "session.others_ended": _("%(actor)s logged out everywhere else"),
    "session.refused": _("Somebody failed to log in as %(target)s"),
    "session.started": _("%(actor)s logged in"),
    "subscription.created": _("%(actor)s made the webhook %(target)s"),
    "subscription.enabled": _("%(actor)s enabled the webhook %(target)s"),
    "subscription.ended": _("%(actor)s ended the webhook %(target)s"),
    "subscription.replayed": _("%(actor)s sent the events of the webhook %(target)s again"),
    "subscription.secret_rotated": _("%(actor)s rotated the secret of the webhook %(target)s"),
    "user.changed": _("%(actor)s changed the person %(target)s"),
    "user.created": _("%(actor)s made the person %(target)s"),
    "user.password_changed": _("%(actor)s changed the password of %(target)s"),
    "user.password_reset": _("%(actor)s set a new password by a mailed link"),
    "user.reset_requested": _("A link to set a new password was mailed to %(target)s"),
    "user.sessions_ended": _("%(actor)s logged %(target)s out everywhere"),
}


def sentence(entry: AuditEntry) -> str:
    about, _dot, what = entry.action.partition(".")
    if what == "exported":
        names = {
            "actor": _isolated(entry.actor),
            "list": exporting.name_of(about),
            "count": entry.target.partition(" ")[0],
        }
        return gettext("%(actor)s exported a list: %(list)s (%(count)s)") % names
    words = SENTENCES.get(entry.action) or gettext("%(actor)s: %(action)s %(target)s")
    names = {"actor": entry.actor, "target": entry.target, "action": entry.action}
    return str(words) % {name: _isolated(text) for name, text in names.items()}


def _isolated(name: str) -> str:
    return name if languages.is_english() else isolated(name)
