"""Choice of the reminder policy of one invoice."""

from django import forms
from django.utils.translation import gettext as _

from communications.models import ReminderPolicy
from communications.schedule import policies
from inflow.accounts.actors import Actor
from inflow.dashboard.core.forms import PageForm
from invoices import lifecycle
from invoices.models import Invoice


class PolicyForm(PageForm):
    policy = forms.ChoiceField()

    def prepare(self) -> None:
        own = policies.default_for(self.row.account)
        others = ReminderPolicy.objects.for_account(self.row.account).exclude(pk=own.pk)
        choices = [
            ("own", _("%(schedule)s (account default)") % {"schedule": own}),
            *((str(policy.pk), str(policy)) for policy in others),
            ("none", _("None: no reminders")),
        ]
        self.set_choices("policy", choices, str(self.row.policy_id or "own") if self.row.is_chased else "none")


def apply_policy(invoice: Invoice, actor: Actor, form: PolicyForm) -> str:
    chosen = form.cleaned_data["policy"]
    policy_id = None if chosen in ("own", "none") else int(chosen)
    is_chased = chosen != "none"
    lifecycle.set_policy(
        invoice.account,
        invoice.pk,
        actor,
        policy_id=policy_id,
        is_chased=is_chased,
        restarts=is_chased and not invoice.is_chased,
    )
    if is_chased:
        return _("The policy of invoice %(invoice)s has been changed.") % {"invoice": invoice}
    return _("No more reminders are sent for invoice %(invoice)s.") % {"invoice": invoice}
