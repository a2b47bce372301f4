"""Choice of the reminder policy of one invoice."""

from typing import Any

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice, own = self.fields["policy"], policies.default_for(self.row.account)
        assert isinstance(choice, forms.ChoiceField)
        others = ReminderPolicy.objects.for_account(self.row.account).exclude(pk=own.pk)
        choice.choices = [
            ("own", _("%(schedule)s, the account's default") % {"schedule": own}),
            *((str(policy.pk), str(policy)) for policy in others),
            ("none", _("None: nothing is sent")),
        ]
        choice.initial = str(self.row.policy_id or "own") if self.row.is_chased else "none"


def apply_policy(invoice: Invoice, by: Actor, form: PolicyForm) -> str:
    chosen = form.cleaned_data["policy"]
    policy_id = None if chosen in ("own", "none") else int(chosen)
    is_chased = chosen != "none"
    lifecycle.set_policy(
        invoice.account,
        invoice.pk,
        by,
        policy_id=policy_id,
        is_chased=is_chased,
        restarts=is_chased and not invoice.is_chased,
    )
    if is_chased:
        return _("Invoice %(invoice)s now follows that policy.") % {"invoice": invoice}
    return _("Invoice %(invoice)s is not chased any more.") % {"invoice": invoice}
