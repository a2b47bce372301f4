"""Exceptions of the dashboard, and refusals of the domain as errors of a form."""

from collections.abc import Iterator
from contextlib import contextmanager

from django import forms
from django.core.exceptions import ValidationError

from invoices.errors import Refused
from invoices.imports.errors import UnreadableFile


class TooManyExports(Exception):
    """The person has the largest permitted number of exports in progress."""


class AccessRevoked(Exception):
    """The person may no longer view the list."""


class TooManyRows(Exception):
    """The list has more rows than a workbook may hold."""


class RequiresWorker(Exception):
    """The list has more rows than a request exports itself."""


class InvalidFilter(Exception):
    """The list does not accept the parameters of this address."""


@contextmanager
def errors_shown_on(form: forms.Form) -> Iterator[None]:
    """Show on the form what the block or the domain refuses, at its field if the form has it."""
    try:
        yield
    except Refused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
    except ValidationError as error:
        form.add_error(None, error)
    except UnreadableFile as error:
        form.add_error("file", str(error))
