"""People and their log-ins."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # noqa: F401  (registers the groups, which are removed below)
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from inflow.accounts import audit, passwords, roles, second_step, sessions
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, User
from inflow.accounts.roles import Role
from inflow.dashboard.core.filters import choices
from inflow.dashboard.core.forms import PageForm
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.row_actions import row_action

admin.site.unregister(Group)  # permissions depend on roles


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007  (the admin's fieldsets choose)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean(self) -> None:
        super().clean()
        data = self.cleaned_data
        if "account" in self.fields and not data.get("account") and not data.get("is_superuser"):
            self.add_error("account", _("Choose an account. Only platform staff have none."))
        if self._removes_an_admin(data) and not _other_admins(self.instance).exists():
            raise ValidationError(_("This is the last admin of the account. Make another person an admin first."))

    def _removes_an_admin(self, data: dict[str, Any]) -> bool:
        if not {"role", "is_active"} & set(self.changed_data) or not self.instance.account_id:
            return False
        was = self.initial.get("role") == Role.ADMIN and self.initial.get("is_active")
        return bool(was and not (data.get("role") == Role.ADMIN and data.get("is_active")))


def _other_admins(user: User) -> QuerySet[User]:
    """Return the account's other active admins. The account is locked, so that two admins can't remove each other at
    the same time."""
    Account.objects.select_for_update().get(pk=str(user.account_id))
    return User.objects.filter(account=user.account_id, role=Role.ADMIN, is_active=True).exclude(pk=user.pk)


def role_badge(role: str, *, is_platform: bool) -> SafeString:
    if is_platform:
        return badge(_("Platform staff"), "warning")
    return badge(roles.NAMES[Role(role)], "primary" if role == Role.ADMIN else "info")


@admin.register(User)
class UserAdmin(OwnRowsAdmin):
    """People are invited, and set their passwords themselves."""

    sees = adds = changes = Role.ADMIN
    form = PersonForm
    ordering = ("email",)
    list_display = ("email", "full_name", "role_badge", "activity", "two_steps", "last_login")
    list_filter = (*choices("role"), ("is_active", BooleanRadioFilter))
    search_fields = ("email", "first_name", "last_name")
    export_columns = ("email", "first_name", "last_name", "role", "is_active", "last_login", "date_joined")
    actions_detail = ("mail_password_link", "end_sessions", "reset_second_step")

    @row_action(
        _lazy("Send password link"),
        needs=Role.ADMIN,
        icon="key",
        fits=passwords.may_reset,
        intro=_lazy("The person gets a link to set a new password. It works once, for an hour."),
    )
    def mail_password_link(self, user: User, actor: Actor, form: PageForm) -> str:
        return passwords.mail_link(user, actor.name)

    @row_action(
        _lazy("Log out everywhere"),
        needs=Role.ADMIN,
        icon="logout",
        fits=lambda user: sessions.active(user).exists(),
        intro=_lazy("Ends all sessions of this person at once."),
    )
    def end_sessions(self, user: User, actor: Actor, form: PageForm) -> str:
        with transaction.atomic():
            ended = sessions.end_all(user)
            audit.record(user.account, actor.name, "user.sessions_ended", user.email[:120], sessions=ended)
        return _("%(email)s is logged out everywhere.") % {"email": user.email}

    @row_action(
        _lazy("Reset two-step log-in"),
        needs=Role.ADMIN,
        icon="lock_reset",
        fits=lambda user: user.has_second_step,
        intro=_lazy(
            "For a person who has lost their phone and recovery codes. First make sure that the request is really "
            "from them."
        ),
        is_grave=True,
    )
    def reset_second_step(self, user: User, actor: Actor, form: PageForm) -> str:
        if user.email == actor.name:
            raise ValidationError(_("Turn off your own two-step log-in under Security, with a code."))
        with transaction.atomic():
            second_step.remove(user)
            sessions.end_all(user)
            audit.record(user.account, actor.name, "second_step.reset", user.email[:120])
        text = _("%(email)s logs in with the password only until two-step log-in is set up again.")
        return text % {"email": user.email}

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Hide platform staff from members, also those who belong to the account."""
        people = super().get_queryset(request)
        return people if person(request).is_superuser else people.filter(is_superuser=False)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        is_platform = person(request).is_superuser
        rights = (("account",) if is_platform else ()) + ("role",) + (("is_superuser",) if is_platform else ())
        return (
            (None, {"fields": ("email", ("first_name", "last_name"), "language")}),
            (_("Rights"), {"fields": (*rights, "is_active")}),
            (_("Activity"), {"fields": (("last_login", "date_joined"), ("two_steps", "open_sessions"))}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep people from changing their own rights, so that no account loses its last admin by mistake. Only platform
        staff change an email address: its owner can reset the password, and a refusal would reveal that an address is
        in use."""
        own = ("account", "role", "is_superuser", "is_active") if obj and obj.pk == request.user.pk else ()
        fixed = () if person(request).is_superuser else ("email",)
        return (*own, *fixed, "last_login", "date_joined", "two_steps", "open_sessions")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:accounts_invitation_add"))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Exclude password digests from lookups, as Django's own page of users does."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    def save_model(self, request: HttpRequest, obj: User, form: "forms.ModelForm[User]", change: bool) -> None:
        if not person(request).is_superuser:
            obj.account = person(request).account
        super().save_model(request, obj, form, change)
        if change and {"role", "is_active", "account", "is_superuser"} & set(form.changed_data):
            sessions.end_all(obj)

    @display(description=_lazy("Name"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @display(description=_lazy("Role"), ordering="role")
    def role_badge(self, user: User) -> str:
        return role_badge(user.role, is_platform=user.is_superuser)

    @display(description=_lazy("Access"), ordering="is_active")
    def activity(self, user: User) -> str:
        return badge(_("Active"), "success") if user.is_active else badge(_("Closed"))

    @display(description=_lazy("Two-step log-in"))
    def two_steps(self, user: User) -> str:
        return badge(_("On"), "success") if user.has_second_step else badge(_("Off"))

    @display(description=_lazy("Sessions"))
    def open_sessions(self, user: User) -> str:
        where = [
            f"{sessions.device(session.agent)}, {date_format(timezone.localtime(session.seen_at), 'DATETIME_FORMAT')}"
            for session in sessions.active(user)
        ]
        return format_html_join("", "<div>{}</div>", ((line,) for line in where)) or _("None")
