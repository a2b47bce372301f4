"""Fields and nested serializers of invoices in requests."""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _lazy
from rest_framework import serializers

from inflow.accounts.models import Language
from inflow.api.fields import EMAIL, ChoiceField, CodeField, Described, StrictSerializer, TextField
from invoices import money
from invoices.contact_lists import KINDS, MAX_CONTACTS
from invoices.models import MAX_NUMBER

MAX_TAGS, MAX_PAIRS = 20, 20
_NAME = re.compile(r"[A-Za-z0-9_.:-]([A-Za-z0-9_.: -]{0,38}[A-Za-z0-9_.:-])?")
_HTTPS = r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?([/?#][!#-;=?-\[\]_a-z~]*)?"


class NumberField(CodeField):
    """An invoice number in its canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_NUMBER, **kwargs)


class CurrencyField(ChoiceField):
    """A currency code of ISO 4217, in upper or lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=sorted(money.EXPONENTS), **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data.upper() if isinstance(data, str) and data.isascii() else data)


class PaymentUrlField(TextField):
    """An address that begins with https://, in ASCII, without a user name."""

    default_error_messages = {"pattern": _lazy("An address that begins with https:// is needed, without a user name.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2_000, pattern=_HTTPS, **kwargs)


class TagsField(serializers.ListField):
    """Up to 20 tags, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=CodeField(max_length=40), max_length=MAX_TAGS, **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class MetadataField(Described, serializers.Field[dict[str, str], Any, Any, Any]):
    """Up to 20 pairs of names and texts, which are stored and returned as they are."""

    default_error_messages = {
        "invalid": _lazy("An object is needed whose values are texts of at most 500 characters."),
        "too_many": _lazy("At most 20 pairs are stored."),
        "bad_name": _lazy("Names have 1 to 40 characters: letters, digits, spaces and - _ . :"),
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, Mapping):
            self.fail("invalid")
        if len(data) > MAX_PAIRS:
            self.fail("too_many")
        for name, value in data.items():
            if not _NAME.fullmatch(name):
                self.fail("bad_name")
            if not isinstance(value, str) or len(value) > 500 or "\0" in value:
                self.fail("invalid")
        return dict(data)

    def json_schema(self, direction: str) -> dict[str, Any]:
        value = {"type": "string", "maxLength": 500, "pattern": r"^[^\x00]*$"}
        names = {"pattern": f"^{_NAME.pattern}$"}
        return {"type": "object", "maxProperties": MAX_PAIRS, "propertyNames": names, "additionalProperties": value}


class ReceivesField(serializers.ListField):
    """Kinds of messages; an empty list means all."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=ChoiceField(choices=KINDS), max_length=len(KINDS), **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        return list(dict.fromkeys(super().to_internal_value(data)))


class ContactIn(StrictSerializer):
    """A contact of an invoice: a person or a department that receives its messages."""

    blank_is_absent = True

    name = TextField(max_length=200, required=False)
    role = TextField(max_length=100, required=False)
    email = TextField(max_length=254, pattern=EMAIL, required=False)
    phone = TextField(max_length=40, required=False)
    language = ChoiceField(choices=Language.choices, required=False)
    receives = ReceivesField(required=False)


class ContactsField(serializers.ListField):
    """Up to 20 contacts. The first one is the invoice's own: its debtor_email and debtor_phone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=ContactIn(), max_length=MAX_CONTACTS, **kwargs)
