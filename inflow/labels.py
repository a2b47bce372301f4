"""Names of models and fields in the reader's language.

Django derives them from the identifiers. They are made lazy here instead of on each field, so that they are not part of
any migration. The names that differ from the identifiers are listed here for the same reason.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.apps import AppConfig, apps
from django.forms.utils import pretty_name
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _lazy

OURS = ("accounts", "invoices", "communications", "webhooks")
# The names of a model, singular and plural, as the dashboard's menu and headings use them.
MODELS = {
    "address": (_lazy("address"), _lazy("addresses")),
    "escalation": (_lazy("case"), _lazy("cases")),
    "answer": (_lazy("debtor page response"), _lazy("debtor page responses")),
    "calendarrule": (_lazy("calendar entry"), _lazy("calendars")),
    "collectionsettings": (_lazy("rules and limits"), _lazy("rules and limits")),
    "openitemslist": (_lazy("reconciliation"), _lazy("reconciliations")),
    "openitemssource": (_lazy("scheduled fetch"), _lazy("scheduled fetches")),
    "paymentsettings": (_lazy("payment settings"), _lazy("payment settings")),
    "subscription": (_lazy("webhook"), _lazy("webhooks")),
}
FIELDS = {
    "collectionsettings.opens_at": _lazy("send from"),
    "collectionsettings.closes_at": _lazy("send until"),
    "collectionsettings.hours_between": _lazy("hours between messages"),
    "collectionsettings.most_in_7_days": _lazy("most messages in 7 days"),
    "collectionsettings.payments_synced_at": _lazy("payments confirmed at"),
    "address.invalid_because": _lazy("reason for the bounce"),
    "payment.paid_at": _lazy("paid on"),
    "subscription.target_url": _lazy("target URL"),
    "user.last_login": _lazy("last log-in"),
}


def for_field(name: str) -> Any:
    """Return the label of a form field that has none: "Due date" for `due_date`."""
    return gettext_lazy(pretty_name(name))


def translate(configs: Iterable[AppConfig]) -> None:
    """Make the names of these apps' models and fields lazy."""
    for model in (model for config in configs for model in config.get_models()):
        options = model._meta
        if "verbose_name_plural" not in options.original_attrs:
            options.verbose_name_plural = gettext_lazy(f"{options.verbose_name_raw}s")
        options.verbose_name = _lazily(options.verbose_name)
        if names := MODELS.get(str(options.model_name)):
            options.verbose_name, options.verbose_name_plural = names
        for field in model._meta.get_fields():
            if hasattr(field, "verbose_name"):
                field.verbose_name = FIELDS.get(f"{options.model_name}.{field.name}", _lazily(field.verbose_name))


def messages(form: type[forms.BaseForm]) -> Iterator[str]:
    """Yield the names derived from identifiers: of our models, their fields, and the subclasses of `form`."""
    for config in map(apps.get_app_config, OURS):
        for model in config.get_models():
            yield from (str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
            yield from (str(field.verbose_name) for field in model._meta.get_fields() if hasattr(field, "verbose_name"))
    yield from _form_labels(form)


def _form_labels(form: type[forms.BaseForm]) -> Iterator[str]:
    yield from (pretty_name(name) for name, field in form.base_fields.items() if field.label is None)  # type: ignore[attr-defined]
    for subclass in form.__subclasses__():
        yield from _form_labels(subclass)


def _lazily(name: Any) -> Any:
    return name if isinstance(name, Promise) else gettext_lazy(name)
