"""Rules that choose a reminder policy, in order, with the number of open invoices that each one matches."""

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from unfold.decorators import display

from communications.engine import stored_forecasts
from communications.models import PolicyRule, ReminderPolicy
from communications.schedule import policies, policy_rules
from inflow.accounts.actors import Actor
from inflow.accounts.models import Account
from inflow.accounts.roles import Role
from inflow.dashboard.core.forms import OwnAccountForm, PageForm
from inflow.dashboard.core.markup import bdi, text_column
from inflow.dashboard.core.own_rows import AddPage, OwnRowsAdmin
from inflow.dashboard.core.row_actions import record, row_action
from invoices import money

_FIELDS = ("position", "tag", "country", "currency", "min_amount", "max_amount", "policy")


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = PolicyRule
        fields = _FIELDS

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
            raise ValidationError(_("Enter a two-letter ISO 3166 country code, such as AE."))
        return country

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"].upper()
        if currency and currency not in money.EXPONENTS:
            raise ValidationError(_("Enter an ISO 4217 currency code, such as AED."))
        return currency

    def clean_tag(self) -> str:
        tag: str = self.cleaned_data["tag"].strip()
        return tag

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        low, high = data.get("min_amount"), data.get("max_amount")
        if self.errors:
            return data
        if not any(data.get(name) not in ("", None) for name in _FIELDS[1:-1]):
            raise ValidationError(_("Enter at least one condition. Without any, change the default policy instead."))
        if (low is not None or high is not None) and not data["currency"]:
            self.add_error("currency", _("Enter the currency of the amounts."))
        if low is not None and high is not None and low > high:
            self.add_error("max_amount", _("This amount must not be below the first one."))
        return data


class NewRuleForm(OwnAccountForm):
    """The policy of a new rule. Its conditions are entered with the same checks as when it is changed."""

    policy = forms.ModelChoiceField(ReminderPolicy.objects.none())
    tag = forms.CharField(max_length=40, required=False, help_text=_lazy("A tag of the invoice or of the debtor."))
    country = forms.CharField(max_length=2, required=False)
    currency = forms.CharField(max_length=3, required=False)
    min_amount = forms.DecimalField(max_digits=18, decimal_places=3, min_value=0, required=False)
    max_amount = forms.DecimalField(max_digits=18, decimal_places=3, min_value=0, required=False)

    def prepare(self) -> None:
        super().prepare()
        self.fields["min_amount"].label, self.fields["max_amount"].label = _("Amount from"), _("Amount to")
        choice = self.fields["policy"]
        assert isinstance(choice, forms.ModelChoiceField)
        rows = ReminderPolicy.objects.order_by("account", "-is_default", "name")
        choice.queryset = rows if self.person.is_superuser else rows.filter(account=self.person.account)

    def clean(self) -> None:
        if self.errors:
            return
        account = self.account
        if account is None or self.cleaned_data["policy"].account_id != account.pk:
            raise ValidationError({"policy": _("Choose a policy of this account.")})
        rules = PolicyRule.objects.for_account(account)
        data = {**self.cleaned_data, "policy": self.cleaned_data["policy"].pk, "position": rules.count() + 1}
        self.checked = RuleForm(data, instance=PolicyRule(account=account))
        for name, errors in self.checked.errors.items():
            self.add_error(None if name == "__all__" else name, errors)


@admin.register(PolicyRule)
class PolicyRuleAdmin(OwnRowsAdmin):
    """Rules that choose a policy. After a change, the messages of the account are rescheduled in the background."""

    adds = changes = Role.MANAGER
    form = RuleForm
    empty_text = _lazy(
        "There are no rules, so each invoice follows its own policy, else that of its debtor, else the "
        "default policy. A rule chooses a policy by tag, country, currency or amount, for example for large "
        "invoices."
    )
    list_display = ("position", "conditions", "policy_name", "matches_shown")
    list_display_links = ("position", "conditions")
    list_select_related = ("policy", "account")
    ordering = ("account", "position", "id")
    export_columns = ("position", "tag", "country", "currency", "min_amount", "max_amount", "policy__name")
    fields = (("position", "policy"), ("tag", "country"), ("currency", "min_amount", "max_amount"), "matches_shown")
    readonly_fields = ("matches_shown",)
    add_page = AddPage(
        NewRuleForm,
        _lazy("Add a rule"),
        _lazy("Add"),
        _lazy(
            "The first rule whose conditions an invoice meets chooses its policy, unless the invoice or the debtor has"
            " one of its own."
        ),
    )
    actions_detail = ("move_up", "move_down", "remove")

    def add(self, request: HttpRequest, form: NewRuleForm) -> HttpResponse:
        rule = form.checked.save()
        self.record(request, rule, "created", **_detail(rule))
        messages.success(request, _("The rule has been added. Messages are rescheduled within a minute."))
        return HttpResponseRedirect(self.url("changelist"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer the policies of the rule's account alone, also to platform staff."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj and "policy" in form.base_fields:
            form.base_fields["policy"].queryset = ReminderPolicy.objects.for_account(obj.account)
        return form

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Count the matching invoices once for each account of the page."""
        shown = super().get_changelist_instance(request)
        counts: dict[Any, Counter[int] | None] = {}
        for rule in shown.result_list:
            if rule.account_id not in counts:
                counts[rule.account_id] = _matching(rule.account)
            rule.counts = counts[rule.account_id]
        return shown

    @row_action(_lazy("Move up"), needs=Role.MANAGER, icon="arrow_upward", fits=lambda rule: _place(rule) > 0)
    def move_up(self, rule: PolicyRule, actor: Actor, form: PageForm) -> str:
        return _move(rule, -1, actor)

    @row_action(
        _lazy("Move down"),
        needs=Role.MANAGER,
        icon="arrow_downward",
        fits=lambda rule: _place(rule) < len(_ids(rule.account)) - 1,
    )
    def move_down(self, rule: PolicyRule, actor: Actor, form: PageForm) -> str:
        return _move(rule, 1, actor)

    @row_action(
        _lazy("Delete"),
        needs=Role.MANAGER,
        icon="delete",
        intro=_lazy("Its invoices follow the next matching rule, or the default policy."),
        is_grave=True,
    )
    def remove(self, rule: PolicyRule, actor: Actor, form: PageForm) -> str:
        with transaction.atomic():
            record(rule, actor, "policyrule.deleted", **_detail(rule))
            rule.delete()
        return _("The rule has been deleted. Messages are rescheduled within a minute.")

    def after(self, row: PolicyRule) -> str:
        return self.url("changelist")

    policy_name = text_column(_lazy("Reminder policy"), "policy__name")

    @display(description=_lazy("Conditions"))
    def conditions(self, rule: PolicyRule) -> str:
        return bdi(describe(rule))

    @display(description=_lazy("Matches"))
    def matches_shown(self, rule: Any) -> str:
        counts = rule.counts if hasattr(rule, "counts") else _matching(rule.account)
        if counts is None:
            return _("Too many invoices to count")
        count = counts[rule.pk]
        return ngettext("%(count)d open invoice", "%(count)d open invoices", count) % {"count": count}


def describe(rule: PolicyRule) -> str:
    """Return the conditions of a rule as text."""
    parts = []
    if rule.tag:
        parts.append(_("tag “%(tag)s”") % {"tag": rule.tag})
    if rule.country:
        parts.append(_("country %(country)s") % {"country": rule.country})
    if rule.min_amount is not None:
        parts.append(_("from %(amount)s") % {"amount": money.display(rule.min_amount, rule.currency)})
    if rule.max_amount is not None:
        parts.append(_("up to %(amount)s") % {"amount": money.display(rule.max_amount, rule.currency)})
    if rule.currency and rule.min_amount is None and rule.max_amount is None:
        parts.append(_("currency %(currency)s") % {"currency": rule.currency})
    return _(", ").join(parts)


def _detail(rule: PolicyRule) -> dict[str, Any]:
    return {name: str(getattr(rule, name)) for name in _FIELDS if getattr(rule, name) not in ("", None)}


def _matching(account: Account) -> "Counter[int] | None":
    """Count the open invoices for which each rule chooses the policy. Return None for a large account."""
    if stored_forecasts.is_large(account):
        return None
    rows = _ids(account)
    found = policy_rules.matches(account, policies.unassigned(account), policy_rules.of(account))
    return Counter(rows[place] for _pk, place in found if place is not None)


def _ids(account: Account) -> list[int]:
    return list(PolicyRule.objects.for_account(account).order_by("position", "id").values_list("pk", flat=True))


def _place(rule: PolicyRule) -> int:
    return _ids(rule.account).index(rule.pk)


def _move(rule: PolicyRule, by: int, actor: Actor) -> str:
    """Exchange the rule with its neighbour. The rules are numbered from 1 again."""
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=rule.account_id)
        ids = _ids(rule.account)
        place = ids.index(rule.pk)
        to = place + by
        if not 0 <= to < len(ids):
            raise ValidationError(_("The rule can't be moved any further."))
        ids[place], ids[to] = ids[to], ids[place]
        rows = PolicyRule.objects.in_bulk(ids)
        for number, pk in enumerate(ids, 1):
            if rows[pk].position != number:
                rows[pk].position = number
                rows[pk].save(update_fields=["position"])
        record(rows[rule.pk], actor, "policyrule.changed", **_detail(rows[rule.pk]))
    return _("The order of the rules has been changed. Messages are rescheduled within a minute.")
