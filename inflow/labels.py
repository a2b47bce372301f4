"""Translation of the labels that Django derives from identifiers of fields and models.

They are made lazy here instead of in each field, so that they are not part of migrations.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.apps import AppConfig, apps
from django.forms.utils import pretty_name
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

OURS = ("accounts", "invoices", "communications", "webhooks")


def for_field(name: str) -> Any:
    """Return the label of a form field that has none: "Due date" for `due_date`."""
    return gettext_lazy(pretty_name(name))


def translate(configs: Iterable[AppConfig]) -> None:
    """Replace the verbose names of the apps' models and fields by lazy translations."""
    for model in (model for config in configs for model in config.get_models()):
        options = model._meta
        if "verbose_name_plural" not in options.original_attrs:
            options.verbose_name_plural = gettext_lazy(f"{options.verbose_name_raw}s")
        options.verbose_name = _lazily(options.verbose_name)
        for field in model._meta.get_fields():
            if hasattr(field, "verbose_name"):
                field.verbose_name = _lazily(field.verbose_name)


def messages(form: type[forms.BaseForm]) -> Iterator[str]:
    """Yield the derived labels of our models and of `form` and its subclasses, for the message catalogue."""
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
