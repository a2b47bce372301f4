"""The dashboard's pages of accounts, people, API keys and the audit log."""

import datetime as dt
import zoneinfo
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from inflow.accounts import audit, keys, passwords, roles, second_step, sessions
from inflow.accounts.access import person
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account, ApiKey, Scope, User, default_scopes
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import DayField, OwnAccountForm, PageForm
from inflow.dashboard.core.markup import badge
from inflow.dashboard.core.own_rows import OwnRowsAdmin
from inflow.dashboard.core.responses import form_page, shown_once
from inflow.dashboard.core.row_actions import row_action

admin.site.unregister(Group)  # roles say who may do what

_PLAN = ("plan", "in_force", "requests_per_minute", "requests_per_day", "is_test", "suspended_at")


@admin.register(Account)
class AccountAdmin(OwnRowsAdmin):
    """Members see and set up their own; platform staff make accounts and set plans and limits."""

    owner = "pk"
    changes = Role.ADMIN
    list_display = ("name", "plan_badge", "kind", "time_zone", "language", "created_at")
    list_filter = (("plan", ChoicesDropdownFilter),)
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "time_zone", "language", "country", "subdivision")}),
        (_lazy("Security"), {"fields": ("admins_use_two_steps",)}),
        (
            _lazy("Plan"),
            {"fields": ("plan", "in_force", "requests_per_minute", "requests_per_day", "is_test", "suspended_at")},
        ),
    )
    set_by_members = frozenset({"time_zone", "language", "subdivision", "admins_use_two_steps"})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not person(request).is_superuser:
            return HttpResponseRedirect(self.url("change", person(request).account_id))
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return person(request).is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = [name for _title, options in self.fieldsets for name in options["fields"]]
        if not person(request).is_superuser:
            return [name for name in shown if name not in self.set_by_members]
        return ["in_force", "is_test"] if obj else ["in_force"]  # its keys' names say whether it is a test account

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Members see the limits in force; what of them was negotiated is for platform staff."""
        if person(request).is_superuser:
            return self.fieldsets
        *rest, (title, _plan) = self.fieldsets
        return (*rest, (title, {"fields": ("plan", "in_force", "is_test", "suspended_at")}))

    @display(description=_lazy("Limits"))
    def in_force(self, account: Account) -> str:
        limits = account.limits
        words = {
            "minute": f"{limits.per_minute:,}",
            "day": f"{limits.per_day:,}" if limits.per_day else _("any number of"),
            "webhooks": f"{limits.subscriptions:,}",
        }
        return _("%(minute)s requests a minute, %(day)s requests a day, %(webhooks)s webhooks") % words

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "time_zone":
            names = sorted(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
            return forms.ChoiceField(
                choices=[(name, name) for name in names],
                initial=db_field.default,
                label=capfirst(db_field.verbose_name),
                widget=UnfoldAdminSelectWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=_lazy("Plan"), ordering="plan")
    def plan_badge(self, account: Account) -> str:
        return badge(account.get_plan_display(), "primary")

    @display(description=_lazy("Kind"))
    def kind(self, account: Account) -> str:
        if account.suspended_at:
            return badge(_("Suspended"), "danger")
        return badge(_("Test"), "warning") if account.is_test else badge(_("Live"), "success")


class _LowerEmail(forms.ModelForm):  # type: ignore[type-arg]
    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        return email

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if "account" in self.fields and not data.get("account") and not data.get("is_superuser"):
            self.add_error("account", _("Only platform staff have no account."))
        if self._takes_an_admin_away(data) and not _other_admins(self.instance).exists():
            raise ValidationError(_("This is the last admin of the account. Make somebody else one first."))
        return data

    def _takes_an_admin_away(self, data: dict[str, Any]) -> bool:
        if not {"role", "is_active"} & set(self.changed_data) or not self.instance.account_id:
            return False
        was = self.initial.get("role") == Role.ADMIN and self.initial.get("is_active")
        return bool(was and not (data.get("role") == Role.ADMIN and data.get("is_active")))


def _other_admins(user: User) -> QuerySet[User]:
    """Under the account's lock: two admins who take each other's rights away are heard one after the other."""
    Account.objects.select_for_update().get(pk=str(user.account_id))
    return User.objects.filter(account=user.account_id, role=Role.ADMIN, is_active=True).exclude(pk=user.pk)


class PersonChangeForm(_LowerEmail):
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007  (the admin's fieldsets choose)


def _end_sessions(user: User, actor: Actor, form: PageForm) -> str:
    with transaction.atomic():
        ended = sessions.end_all(user)
        audit.record(user.account, actor.name, "user.sessions_ended", user.email[:120], sessions=ended)
    return _("%(email)s is logged out everywhere.") % {"email": user.email}


def _reset_second_step(user: User, actor: Actor, form: PageForm) -> str:
    if user.email == actor.name:
        raise ValidationError(_("Your own is turned off under Security, with a code."))
    with transaction.atomic():
        second_step.remove(user)
        sessions.end_all(user)
        audit.record(user.account, actor.name, "second_step.reset", user.email[:120])
    return _("%(email)s logs in by password alone until two steps are set up again.") % {"email": user.email}


def _mail_password_link(user: User, actor: Actor, form: PageForm) -> str:
    return passwords.mail_link(user, actor.name)


@admin.register(User)
class UserAdmin(OwnRowsAdmin):
    """People are invited, and set their passwords themselves."""

    sees = adds = changes = Role.ADMIN
    form = PersonChangeForm
    ordering = ("email",)
    list_display = ("email", "full_name", "role_badge", "activity", "two_steps", "last_login")
    list_filter = (("role", ChoicesDropdownFilter), ("is_active", BooleanRadioFilter))
    search_fields = ("email", "first_name", "last_name")
    actions_detail = ("mail_password_link", "end_sessions", "reset_second_step")
    mail_password_link = row_action(
        _lazy("Mail a password link"),
        _mail_password_link,
        needs=Role.ADMIN,
        icon="key",
        fits=passwords.may_reset,
        intro=_lazy("The person gets a link to set a new password. It works once, for an hour."),
    )
    end_sessions = row_action(
        _lazy("Log out everywhere"),
        _end_sessions,
        needs=Role.ADMIN,
        icon="logout",
        fits=lambda user: sessions.of(user).exists(),
        intro=_lazy("Every browser in which this person is logged in is logged out at once."),
    )
    reset_second_step = row_action(
        _lazy("Reset two steps"),
        _reset_second_step,
        needs=Role.ADMIN,
        icon="lock_reset",
        fits=lambda user: user.has_second_step,
        intro=_lazy("For somebody whose phone and recovery codes are lost. Be sure that it is them who ask."),
        is_grave=True,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Platform staff are in no account's hands, also those who belong to one."""
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
        """Nobody changes their own rights: so an account never loses its last admin by mistake. Only platform staff
        change an address: whoever reads its mail may set the password, and a taken one would be told."""
        own = ("account", "role", "is_superuser", "is_active") if obj and obj.pk == request.user.pk else ()
        fixed = () if person(request).is_superuser else ("email",)
        return (*own, *fixed, "last_login", "date_joined", "two_steps", "open_sessions")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:accounts_invitation_add"))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """As in Django's own page of people: no filter reads a password's digest."""
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
        if user.is_superuser:
            return badge(_("Platform staff"), "warning")
        return badge(roles.NAMES[Role(user.role)], "primary" if user.role == Role.ADMIN else "info")

    @display(description=_lazy("Access"), ordering="is_active")
    def activity(self, user: User) -> str:
        return badge(_("Active"), "success") if user.is_active else badge(_("Closed"))

    @display(description=_lazy("Two steps"))
    def two_steps(self, user: User) -> str:
        return badge(_("On"), "success") if user.has_second_step else badge(_("Off"))

    @display(description=_lazy("Logged in"))
    def open_sessions(self, user: User) -> str:
        where = [
            f"{sessions.device(session.agent)}, {date_format(timezone.localtime(session.seen_at), 'DATETIME_FORMAT')}"
            for session in sessions.of(user)
        ]
        return format_html_join("", "<div>{}</div>", ((line,) for line in where)) or _("Nowhere")


class ApiKeyForm(OwnAccountForm):
    name = forms.CharField(max_length=100, help_text=_lazy("Where it will be used: Zapier, ERP, a colleague's script."))
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=default_scopes, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    expires_on = DayField(
        required=False,
        label=_lazy("Last day"),
        help_text=_lazy("Works to the end of that day. Empty: until it is revoked."),
    )

    def clean_expires_on(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["expires_on"]
        if day and self.account and day < self.account.today():
            raise ValidationError(_("This day is over."))
        return day

    def expires_at(self) -> dt.datetime | None:
        """Midnight after the last day, on the account's wall clock."""
        day: dt.date | None = self.cleaned_data["expires_on"]
        assert self.account is not None
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self.account.zone) if day else None


def _revoke(key: ApiKey, actor: Actor, form: PageForm) -> str:
    keys.revoke(key, actor=actor.name)
    return _("The key %(prefix)s… is revoked: no request with it is answered from now on.") % {"prefix": key.prefix}


def example_of(key: ApiKey, plaintext: str) -> str:
    """A call that the key may make."""
    path = "invoices" if Scope.INVOICES_READ in key.scopes else "me"
    return f'curl -H "X-InFlow-Key: {plaintext}" {settings.BASE_URL}/api/zapier/{path}'


class KeyStateFilter(DropdownFilter):
    title, parameter_name = _lazy("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", _("Live")), ("revoked", _("Revoked")), ("expired", _("Expired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        now = timezone.now()
        if self.value() == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        if self.value() == "expired":
            return queryset.filter(revoked_at=None, expires_at__lte=now)
        if self.value() == "live":
            return queryset.filter(revoked_at=None).exclude(expires_at__lte=now)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(OwnRowsAdmin):
    """A key is made, shown once, and revoked: never edited."""

    sees = adds = Role.ADMIN
    list_display = ("name", "key", "state", "scope_list", "last_used_at", "expires_at", "created_at")
    list_filter = (KeyStateFilter,)
    list_before_template = "admin/accounts/apikey/usage.html"
    # What the rooms above show over the list.
    pictures: ClassVar[list[Callable[[HttpRequest], dict[str, Any]]]] = []
    search_fields = ("name", "prefix")
    fields = (
        "name",
        "key",
        "state",
        "scope_list",
        "created_by",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    readonly_fields = flatten(fields)
    actions_detail: ClassVar[Any] = ("revoke",)
    revoke = row_action(
        _lazy("Revoke"),
        _revoke,
        needs=Role.ADMIN,
        icon="block",
        fits=lambda key: key.revoked_at is None,
        intro=_lazy("Whatever uses this key is refused from the next request on. A revoked key can't be brought back."),
        is_grave=True,
    )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        back = self.url("changelist")
        form = ApiKeyForm(request.POST if request.method == "POST" else None, person=person(request))

        def issue() -> HttpResponse:
            assert form.account is not None
            data = form.cleaned_data
            key, plaintext = keys.issue(
                form.account,
                name=data["name"],
                scopes=data["scopes"],
                created_by=person(request),
                expires_at=form.expires_at(),
                actor=person(request).email,
            )
            return shown_once(
                self,
                request,
                title=_("API key “%(name)s”") % {"name": key.name},
                secret=plaintext,
                example_title=_("Try it"),
                example=example_of(key, plaintext),
                back=back,
            )

        return form_page(
            self,
            request,
            form,
            issue,
            title=_("Generate an API key"),
            button=_("Generate"),
            intro=_("Another system uses it to speak for your account. The key is shown once, right after this."),
            back=back,
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {name: value for picture in self.pictures for name, value in picture(request).items()}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    @display(description=_lazy("Key"), ordering="prefix")
    def key(self, key: ApiKey) -> str:
        return format_html("<code>{}…</code>", key.prefix)

    @display(description=_lazy("State"))
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return badge(_("Revoked"), "danger")
        return badge(_("Live"), "success") if key.is_live(timezone.now()) else badge(_("Expired"), "warning")

    @display(description=_lazy("Scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return _("Everything") if set(key.scopes) >= set(Scope.values) else ", ".join(key.scopes)


from inflow.dashboard.pages import audit as audit_page  # noqa: E402, F401
from inflow.dashboard.pages import invitations, rotate_key  # noqa: E402, F401
