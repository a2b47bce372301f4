"""The names of what the code does not name twice: a field's and a model's own names, in the reader's language.

Django makes them of the identifiers. Said lazily here, and not on each field, they are no part of any migration.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.apps import AppConfig, apps
from django.forms.utils import pretty_name
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

OURS = ("accounts", "invoices", "communications", "webhooks")


def of(name: str) -> Any:
    """A form's field without a label: `due_date` is Due date."""
    return gettext_lazy(pretty_name(name))


def translate(configs: Iterable[AppConfig]) -> None:
    """Let the models of these apps answer with lazy names."""
    for model in (model for config in configs for model in config.get_models()):
        options = model._meta
        if "verbose_name_plural" not in options.original_attrs:
            options.verbose_name_plural = gettext_lazy(f"{options.verbose_name_raw}s")
        options.verbose_name = _lazily(options.verbose_name)
        for field in model._meta.get_fields():
            if hasattr(field, "verbose_name"):
                field.verbose_name = _lazily(field.verbose_name)


def messages(form: type[forms.BaseForm]) -> Iterator[str]:
    """Yield the names that are made of identifiers, of our models and of subclasses of `form`."""
    for config in map(apps.get_app_config, OURS):
        for model in config.get_models():
            yield from (str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
            yield from (str(field.verbose_name) for field in model._meta.get_fields() if hasattr(field, "verbose_name"))
    for kin in _kin(form):
        yield from (pretty_name(name) for name, field in kin.base_fields.items() if field.label is None)  # type: ignore[attr-defined]


def _kin(form: type[forms.BaseForm]) -> Iterator[type[forms.BaseForm]]:
    yield form
    for kin in form.__subclasses__():
        yield from _kin(kin)


def _lazily(name: Any) -> Any:
    return name if isinstance(name, Promise) else gettext_lazy(name)
