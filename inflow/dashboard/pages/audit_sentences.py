"""Sentences of the audit log, one for each action. Add the sentence of a new action here."""

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inflow import languages
from inflow.accounts.models import AuditEntry
from inflow.dashboard.core import exporting
from inflow.dashboard.core.markup import isolated

SENTENCES: dict[str, Promise | str] = {
    "account.changed": _("%(actor)s changed the account %(target)s"),
    "account.created": _("%(actor)s created the account %(target)s"),
    "address.has_one_reader": _("%(actor)s set that one person reads %(target)s"),
    "address.has_several_readers": _("%(actor)s set that several people read %(target)s"),
    "api_key.created": _("%(actor)s created the API key %(target)s"),
    "api_key.revoked": _("%(actor)s revoked the API key %(target)s"),
    "api_key.rotated": _("%(actor)s rotated the API key %(target)s"),
    "calendarrule.changed": _("%(actor)s changed the calendar entry %(target)s"),
    "calendarrule.created": _("%(actor)s added the calendar entry %(target)s"),
    "collectionsettings.changed": _("%(actor)s changed the rules of %(target)s"),
    "collectionsettings.limits_changed": _("%(actor)s changed the limits of %(target)s"),
    "collectionsettings.minimums_changed": _("%(actor)s changed the minimum balances of %(target)s"),
    "debtor.changed": _("%(actor)s changed the debtor %(target)s"),
    "debtor.created": _("%(actor)s created the debtor %(target)s"),
    "debtor.duplicates_requested": _("%(actor)s started a search for possible duplicates"),
    "debtor.kept_apart": _("%(actor)s kept %(target)s apart"),
    "debtor.link_made": _("%(actor)s created a link to the debtor page of %(target)s"),
    "debtor.links_revoked": _("%(actor)s revoked the links to the debtor page of %(target)s"),
    "debtor.listed_again": _("%(actor)s listed %(target)s as possible duplicates again"),
    "debtor.merge_undone": _("%(actor)s undid the merge of %(target)s"),
    "debtor.merged": _("%(actor)s merged %(target)s into another debtor"),
    "debtor.split": _("%(actor)s split the debtor %(target)s"),
    "delivery.replayed": _("%(actor)s sent the webhook delivery %(target)s again"),
    "file.added": _("%(actor)s added the file %(target)s"),
    "file.removed": _("%(actor)s removed the file %(target)s"),
    "gateway.changed": _("%(actor)s changed the gateway %(target)s"),
    "gateway.created": _("%(actor)s added the gateway %(target)s"),
    "gateway.switched_off": _("%(actor)s switched the gateway %(target)s off"),
    "gateway.switched_on": _("%(actor)s switched the gateway %(target)s on"),
    "gateway.templates_changed": _("%(actor)s changed the approved templates of the gateway %(target)s"),
    "bankfile.uploaded": _("%(actor)s uploaded the bank statement %(target)s"),
    "bankfile.read": _("The bank statement %(target)s, uploaded by %(actor)s, was read"),
    "bankfile.failed": _("The bank statement %(target)s, uploaded by %(actor)s, could not be read"),
    "bankline.ignored": _("%(actor)s ignored the bank line %(target)s"),
    "bankline.reopened": _("%(actor)s put the bank line %(target)s back"),
    "bankline.undone": _("%(actor)s undid the bank line %(target)s"),
    "import.confirmed": _("%(actor)s confirmed the import of %(target)s"),
    "import.discarded": _("%(actor)s discarded the import of %(target)s"),
    "import.done": _("The import of %(target)s, confirmed by %(actor)s, finished"),
    "import.mapped": _("%(actor)s mapped the columns of %(target)s"),
    "import.stopped": _("%(actor)s stopped the import of %(target)s"),
    "import.uploaded": _("%(actor)s uploaded %(target)s for import"),
    "invitation.accepted": _("%(actor)s accepted the invitation"),
    "invitation.created": _("%(actor)s invited %(target)s"),
    "invitation.resent": _("%(actor)s sent the invitation of %(target)s again"),
    "invitation.withdrawn": _("%(actor)s withdrew the invitation of %(target)s"),
    "messages.resumed": _("%(actor)s resumed the messages of %(target)s"),
    "messages.stopped": _("%(actor)s stopped the messages of %(target)s"),
    "messagetemplate.changed": _("%(actor)s changed the template %(target)s"),
    "messagetemplate.reset": _("%(actor)s restored the built-in template %(target)s"),
    "openitemssource.changed": _("%(actor)s changed the scheduled fetch of open items from %(target)s"),
    "openitemssource.created": _("%(actor)s added a scheduled fetch of open items from %(target)s"),
    "openitemssource.fetch_requested": _("%(actor)s had the open items fetched from %(target)s"),
    "openitemssource.switched_off": _("%(actor)s switched the scheduled fetch from %(target)s off"),
    "openitemssource.switched_on": _("%(actor)s switched the scheduled fetch from %(target)s on"),
    "paymenthook.created": _("%(actor)s added the payment provider %(target)s"),
    "paymenthook.secret_set": _("%(actor)s set the secret of the payment provider %(target)s"),
    "paymenthook.switched_off": _("%(actor)s switched the payment provider %(target)s off"),
    "paymenthook.switched_on": _("%(actor)s switched the payment provider %(target)s on"),
    "paymentreport.dismissed": _("%(actor)s dismissed the payment report %(target)s"),
    "paymentsettings.changed": _("%(actor)s changed the payment settings of %(target)s"),
    "payments.synced": _("%(actor)s confirmed that the payments of %(target)s are up to date"),
    "policyrule.changed": _("%(actor)s changed the policy rule %(target)s"),
    "policyrule.created": _("%(actor)s added the policy rule %(target)s"),
    "policyrule.deleted": _("%(actor)s deleted the policy rule %(target)s"),
    "reminderpolicy.created": _("%(actor)s created the policy %(target)s"),
    "reminderpolicy.deleted": _("%(actor)s deleted the policy %(target)s"),
    "reminderpolicy.edited": _("%(actor)s changed the steps of the policy %(target)s"),
    "reminderpolicy.switched_on": _("%(actor)s switched the policy %(target)s on"),
    "second_step.codes_renewed": _("%(actor)s generated new recovery codes"),
    "second_step.recovery_code_used": _("%(actor)s logged in with a recovery code"),
    "second_step.refused": _("%(actor)s entered a wrong code at log-in"),
    "second_step.reset": _("%(actor)s reset the two-step log-in of %(target)s"),
    "second_step.set_up": _("%(actor)s turned on two-step log-in"),
    "second_step.turned_off": _("%(actor)s turned off two-step log-in"),
    "senderprofile.changed": _("%(actor)s changed the sender profile of %(target)s"),
    "session.ended": _("%(actor)s logged out"),
    "session.locked_out": _("Log-in as %(target)s was locked after too many failures"),
    "session.others_ended": _("%(actor)s logged out everywhere else"),
    "session.refused": _("Failed log-in as %(target)s"),
    "session.started": _("%(actor)s logged in"),
    "subscription.created": _("%(actor)s created the webhook %(target)s"),
    "subscription.enabled": _("%(actor)s enabled the webhook %(target)s"),
    "subscription.ended": _("%(actor)s ended the webhook %(target)s"),
    "subscription.replayed": _("%(actor)s sent the events of the webhook %(target)s again"),
    "subscription.secret_rotated": _("%(actor)s rotated the secret of the webhook %(target)s"),
    "task.assigned": _("%(actor)s assigned the task “%(target)s”"),
    "task.created": _("%(actor)s added the task “%(target)s”"),
    "task.done": _("%(actor)s marked the task “%(target)s” as done"),
    "task.postponed": _("%(actor)s moved the due date of the task “%(target)s”"),
    "task.reopened": _("%(actor)s reopened the task “%(target)s”"),
    "user.changed": _("%(actor)s changed the person %(target)s"),
    "user.created": _("%(actor)s added the person %(target)s"),
    "user.password_changed": _("%(actor)s changed the password of %(target)s"),
    "user.password_reset": _("%(actor)s set a new password with a link sent by email"),
    "user.reset_requested": _("A link to set a new password was sent to %(target)s"),
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
    text = SENTENCES.get(entry.action) or gettext("%(actor)s: %(action)s %(target)s")
    names = {"actor": entry.actor, "target": entry.target, "action": entry.action}
    return str(text) % {name: _isolated(value) for name, value in names.items()}


def _isolated(name: str) -> str:
    return name if languages.is_english() else isolated(name)
