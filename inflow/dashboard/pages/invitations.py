"""Invitations of people to an account."""

from typing import ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.decorators import display

from inflow.accounts import invitations
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Invitation, User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import Options, OptionsFilter
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action
from inflow.dashboard.pages.people import role_badge

_PLATFORM = "platform"
_OPEN = Q(accepted_at=None, withdrawn_at=None)


class InvitationForm(OwnAccountForm):
    """Platform staff may also invite platform staff, who belong to no account."""

    email = forms.EmailField(
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "off", "dir": "ltr"}),
        help_text=_lazy("The invitation is sent to this address, which becomes the person's log-in."),
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER)

    def prepare(self) -> None:
        super().prepare()
        if self.person.is_superuser:
            self.set_choices("role", [*Role.choices, (_PLATFORM, _("Platform staff: all accounts"))])
            self.fields["account_choice"].required = False

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> None:
        data = self.cleaned_data
        if self.person.is_superuser and "role" in data and "account_choice" in data:
            if data["role"] == _PLATFORM and data["account_choice"]:
                self.add_error("account_choice", _("Leave this empty for platform staff, who have no account."))
            if data["role"] != _PLATFORM and not data["account_choice"]:
                self.add_error("account_choice", _("Choose an account. Only platform staff have none."))

    @property
    def invited_role(self) -> Role:
        role = self.cleaned_data["role"]
        return Role.ADMIN if role == _PLATFORM else Role(role)


class StateFilter(OptionsFilter):
    title, parameter_name = _lazy("state"), "state"
    options: ClassVar[Options] = {
        "pending": (_lazy("Pending"), lambda user: _OPEN & Q(expires_at__gt=timezone.now())),
        "expired": (_lazy("Expired"), lambda user: _OPEN & Q(expires_at__lte=timezone.now())),
        "accepted": (_lazy("Accepted"), Q(accepted_at__isnull=False)),
        "withdrawn": (_lazy("Withdrawn"), Q(withdrawn_at__isnull=False)),
    }


@admin.register(Invitation)
class InvitationAdmin(OwnRowsAdmin):
    """Invitations are sent, sent again and withdrawn, but never edited."""

    sees = adds = Role.ADMIN
    list_display = ("email", "role_badge", "state", "invited_by", "created_at", "expires_at")
    list_filter = (StateFilter,)
    list_select_related = ("invited_by",)
    search_fields = ("email",)
    export_columns = (
        *("email", "role", ("invited_by", "invited_by__email"), "created_at", "expires_at", "accepted_at"),
        "withdrawn_at",
    )
    fields = ("email", "role_badge", "state", "invited_by", "created_at", "expires_at", "accepted_at", "withdrawn_at")
    readonly_fields = fields
    add_page = AddPage(
        InvitationForm,
        _lazy("Invite a person"),
        _lazy("Send invitation"),
        _lazy("The person gets an email with a link that is valid for 7 days, and enters a name and password there."),
    )
    actions_detail = ("resend", "withdraw")

    @row_action(
        _lazy("Send again"),
        needs=Role.ADMIN,
        icon="forward_to_inbox",
        fits=lambda invitation: invitation.is_open,
        intro=_lazy("Sends a new link, which is valid for 7 days. The link in the earlier email stops working."),
    )
    def resend(self, invitation: Invitation, actor: Actor, form: PageForm) -> str:
        invitations.resend(invitation, by=User.objects.get(email=actor.name))
        text = _("The invitation is sent to %(email)s again. The link in the earlier email no longer works.")
        return text % {"email": invitation.email}

    @row_action(
        _lazy("Withdraw"),
        needs=Role.ADMIN,
        icon="block",
        fits=lambda invitation: invitation.is_open,
        intro=_lazy("The link stops working at once. You can invite the same address again."),
        is_grave=True,
    )
    def withdraw(self, invitation: Invitation, actor: Actor, form: PageForm) -> str:
        invitations.withdraw(invitation, by=User.objects.get(email=actor.name))
        return _("The invitation of %(email)s is withdrawn.") % {"email": invitation.email}

    def add(self, request: HttpRequest, form: InvitationForm) -> HttpResponse:
        email = form.cleaned_data["email"]
        account = None if form.cleaned_data["role"] == _PLATFORM else form.account
        if account is None and not person(request).is_superuser:
            raise ValidationError(_("Choose an account. Only platform staff have none."))
        invitations.invite(account, email, form.invited_role, by=person(request))
        messages.success(request, _("An invitation is being sent to %(email)s.") % {"email": email})
        return HttpResponseRedirect(self.url("changelist"))

    @display(description=_lazy("Role"), ordering="role")
    def role_badge(self, invitation: Invitation) -> str:
        return role_badge(invitation.role, is_platform=invitation.account_id is None)

    @display(description=_lazy("State"))
    def state(self, invitation: Invitation) -> str:
        if invitation.accepted_at:
            return badge(_("Accepted"), "success")
        if invitation.withdrawn_at:
            return badge(_("Withdrawn"))
        if not invitation.is_pending:
            return badge(_("Expired"), "warning")
        # Not valid: the inviter has lost the right to invite, or the account is suspended.
        is_valid = invitations.is_valid(invitation)
        return badge(_("Pending"), "info") if is_valid else badge(_("Not valid"), "warning")
