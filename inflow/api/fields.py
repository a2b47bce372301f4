"""Serializers and fields that refuse what DRF would mend: numbers as text, booleans as numbers, unknown keys."""

import copy
import datetime as dt
import decimal
import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Self
from urllib.parse import unquote_plus

from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.serializer_helpers import BindingDict

from inflow import masking
from inflow.api.errors import Problem
from inflow.canonical import SHOWN, canonical

MAX_DIGITS = 15
# A character that can be seen. Python, JSON Schema and others differ in which of the excluded ones are \s.
SEEN = r"[^\s\x00-\x1f\x85\ufeff]"
# The most choices that an error message lists.
_FEW_CHOICES = 12
_EXACT = decimal.Context(prec=2 * MAX_DIGITS)
_LONG_NUMBER = re.compile(r"[0-9]{1,100}(\.[0-9]{1,100})?")
_NUMBER = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}(\.[0-9]{{1,{MAX_DIGITS}}})?")
# What is beyond these years is a slip, and far beyond them a calculation overflows.
_KEY_IN_QUERY = "An API key belongs in the X-InFlow-Key header. Revoke this one: addresses are logged on their way."
_DATE = re.compile(r"(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_HOURS = "([01][0-9]|2[0-3]):[0-5][0-9]"
# Programs that know only moments write a date as its midnight.
_MIDNIGHT = rf"T00:00(:00(\.0{{1,9}})?)?(Z|[+-]{_HOURS})?"
_DATE_OR_MIDNIGHT = re.compile(rf"{_DATE.pattern}({_MIDNIGHT})?")
_MOMENT = re.compile(rf"{_DATE.pattern}T{_HOURS}:[0-5][0-9](\.[0-9]{{1,9}})?(Z|[+-]{_HOURS})")


def error_of(field: str, code: str, message: str) -> serializers.ValidationError:
    """A refusal of one field, for use in `validate`."""
    return serializers.ValidationError({field: [serializers.ErrorDetail(message, code)]})


class Described(ABC):
    """A field that says itself what it takes, for the description of the API."""

    @abstractmethod
    def json_schema(self, direction: str) -> dict[str, Any]:
        """`direction` is `request` or `response`."""


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys it doesn't know. `read_only_names` are known, and said to be read-only.

    If `blank_is_absent`, an optional field may be sent as "" or null, which means that it is not given.
    """

    read_only_names: frozenset[str] = frozenset()
    blank_is_absent = False
    _concerned: dict[str, Any] | None = None

    @classmethod
    def checked(cls, data: Any, **context: Any) -> dict[str, Any]:
        """Return the validated values of `data`, or raise ValidationError."""
        serializer = cls(data=data, context=context)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @property
    def fields(self) -> Any:
        """Return the fields by name. Those of the class are made once: DRF copies them for each instance."""
        return self._concerned or _fields_of(type(self))

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(data.keys() - self.fields.keys()) if isinstance(data, Mapping) else []
        faults = {name[:64]: [self._unknown(name)] for name in unknown}
        if self.blank_is_absent and isinstance(data, Mapping):
            needed = _needed_of(type(self))
            data = {name: value for name, value in data.items() if value not in ("", None) or name in needed}
        try:
            values = super(StrictSerializer, self._for(data)).to_internal_value(data)
        except serializers.ValidationError as error:
            if not faults or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**faults, **error.detail}) from error
        if faults:
            raise serializers.ValidationError(faults)
        return values

    def _for(self, data: Any) -> Self:
        """Return a copy without the optional fields that `data` lacks, for which DRF does nothing.

        It is a copy because another thread may use this serializer as a field of another one.
        """
        if type(data) is not dict:  # the fields of a form may have values if they are absent
            return self
        concerned, needed = copy.copy(self), _needed_of(type(self))
        concerned._concerned = {name: field for name, field in self.fields.items() if name in data or name in needed}
        return concerned

    def _unknown(self, name: str) -> serializers.ErrorDetail:
        if name in self.read_only_names:
            return serializers.ErrorDetail(_("This field can't be changed."), "read_only")
        return serializers.ErrorDetail(_("There is no such field."), "unknown_field")


@functools.cache
def _fields_of(serializer: type[StrictSerializer]) -> dict[str, Any]:
    owner = serializer()
    fields = BindingDict(owner)
    for name, field in owner.get_fields().items():
        fields[name] = field
    return dict(fields.items())


@functools.cache
def _needed_of(serializer: type[StrictSerializer]) -> frozenset[str]:
    """Return the names of the fields that are required or have a default value."""
    fields = _fields_of(serializer).items()
    return frozenset(name for name, field in fields if field.required or field.default is not serializers.empty)


class TextField(Described, serializers.CharField):
    """A JSON string, kept as it is given. null stands for the empty string where blank is allowed.

    `pattern` is a regular expression of the whole text, of the kind that Python and JSON Schema read alike.
    """

    default_error_messages = {"pattern": _lazy("The format is invalid.")}

    def __init__(self, *, pattern: str = rf"[^\x00]*{SEEN}[^\x00]*", **kwargs: Any) -> None:
        self.pattern, self._is_in_form = pattern, re.compile(pattern).fullmatch
        kwargs.setdefault("allow_null", kwargs.get("allow_blank", False))
        super().__init__(trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # Most texts are right; DRF's own validators find nothing in these.
        if type(data) is str and 0 < len(data) <= (self.max_length or 0) and self._is_in_form(data):
            return data
        if data is None and self.allow_blank:
            return ""
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if "\0" not in data and not self._is_in_form(data):
            self.fail("pattern" if data.strip() else "blank")
        return super().to_internal_value(data)

    def json_schema(self, direction: str) -> dict[str, Any]:
        optional = "?" if self.allow_blank else ""
        return {"type": "string", "pattern": f"^(?:{self.pattern}){optional}$", "maxLength": self.max_length}


EMAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"


class ReferenceField(TextField):
    """A text that is kept as it is given, or an integer: 1001 is "1001"."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(str(data) if type(data) is int else data)


class CodeField(TextField):
    """An identifier from another system, in its canonical form. An integer is one too: 1001 is "1001"."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, pattern=rf"[^\x00]*{SHOWN}[^\x00]*", **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        data = super().run_validation(str(data) if type(data) is int else data)
        if not data:  # null or "", where they are allowed
            return data
        code = canonical(data)
        if not code:
            self.fail("blank")
        if self.max_length and len(code) > self.max_length:  # a few letters are several in the composed form
            self.fail("max_length", max_length=self.max_length)
        return code

    def json_schema(self, direction: str) -> dict[str, Any]:
        if direction == "response":
            return {"type": "string"}
        return {"anyOf": [super().json_schema(direction), {"type": "integer"}]}


class ChoiceField(serializers.ChoiceField):
    """One of the named strings. An error message lists them if they are few."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        if len(self.choices) <= _FEW_CHOICES:
            message = _lazy('"{input}" is not a valid choice. Use one of: {choices}.')
            self.error_messages["invalid_choice"] = format_lazy(
                message, input="{input}", choices=", ".join(map(str, self.choices))
            )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if type(data) is str and data in self.choice_strings_to_values:
            return data
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=str(data)[:64])
        return super().to_internal_value(data)


class DateField(Described, serializers.DateField):
    """`YYYY-MM-DD`, in ASCII digits, of a day that exists in the years from 1970 to 2999.

    Midnight of the day, in any time zone, is accepted as well; another time of day is not.
    """

    default_error_messages = {"invalid": _lazy("A date from 1970 to 2999 is needed, as YYYY-MM-DD.")}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return self.to_internal_value(data) if type(data) is str else super().run_validation(data)

    def to_internal_value(self, value: Any) -> dt.date:
        if not isinstance(value, str) or not _DATE_OR_MIDNIGHT.fullmatch(value):
            self.fail("invalid")
        try:
            return dt.date.fromisoformat(value[:10])
        except ValueError:
            self.fail("invalid")

    def json_schema(self, direction: str) -> dict[str, Any]:
        accepted = _DATE if direction == "response" else _DATE_OR_MIDNIGHT
        return {"type": "string", "format": "date", "pattern": f"^{accepted.pattern}$"}


class MoneyField(Described, serializers.Field[Decimal, Any, Any, Any]):
    """A JSON number in major units, or the same as a string of ASCII digits; at most 15 digits in all.

    Never below 0, and not 0 either where `positive`.
    """

    def __init__(self, *, positive: bool = False, **kwargs: Any) -> None:
        self.positive = positive
        super().__init__(**kwargs)

    default_error_messages = {
        "negative": _lazy("It must not be less than 0."),
        "not_positive": _lazy("It must be greater than 0."),
        "invalid": _lazy("A number is needed."),
        "too_long": format_lazy(_lazy("A number of at most {digits} digits is needed."), digits=MAX_DIGITS),
    }

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, str) and _LONG_NUMBER.fullmatch(data):  # `too_long` below is the plainer refusal
            data = Decimal(data)
        if isinstance(data, bool) or not isinstance(data, (int, Decimal)):
            self.fail("invalid")
        amount = Decimal(data)
        digits = amount.as_tuple()
        assert isinstance(digits.exponent, int)
        if amount.adjusted() >= MAX_DIGITS or digits.exponent < -MAX_DIGITS:
            self.fail("too_long")
        if amount < 0:
            self.fail("negative")
        if self.positive and not amount:
            self.fail("not_positive")
        amount = amount.normalize(_EXACT)
        if len(amount.as_tuple().digits) > MAX_DIGITS:
            self.fail("too_long")
        return amount

    def to_representation(self, value: Decimal) -> Decimal:
        return value

    def json_schema(self, direction: str) -> dict[str, Any]:
        if direction == "response":
            return {"type": "number"}
        least = "exclusiveMinimum" if self.positive else "minimum"
        number = {"type": "number", least: 0, "exclusiveMaximum": 10**MAX_DIGITS}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_NUMBER.pattern}$"}]}


class UUIDField(serializers.UUIDField):
    """A UUID in its usual form; DRF would take integers too."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=str(data)[:64])
        return super().to_internal_value(data)


class IntegerQueryField(serializers.IntegerField):
    """Plain ASCII digits: not `+5`, ` 5 ` or `٥`, which `int()` would read too."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not re.fullmatch(r"-?[0-9]{1,18}", data, re.ASCII):
            self.fail("invalid")
        return super().to_internal_value(data)


class MomentField(Described, serializers.DateTimeField):
    """RFC 3339 with its offset, in the years from 1970 to 2999: without one it could be any of 24 moments."""

    default_error_messages = {"invalid": "A moment with its offset is needed, as 2026-03-01T00:00:00Z."}

    def to_internal_value(self, value: Any) -> dt.datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            self.fail("invalid")
        return super().to_internal_value(value)

    def json_schema(self, direction: str) -> dict[str, Any]:
        return {"type": "string", "format": "date-time", "pattern": f"^{_MOMENT.pattern}$"}


class ChoicesField(Described, serializers.CharField):
    """Labels of a set, separated by commas: any of them, at most as many as there are."""

    default_error_messages = {"too_many": "These are more labels than there are."}

    def __init__(self, choices: Sequence[str], **kwargs: Any) -> None:
        self.choices = choices
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        labels = super().to_internal_value(data).split(",")
        if len(labels) > len(self.choices):
            self.fail("too_many")
        if unknown := [label for label in labels if label not in self.choices]:
            raise serializers.ValidationError(
                f"{unknown[0]!r} is none of: {', '.join(self.choices)}.", "invalid_choice"
            )
        return labels

    def json_schema(self, direction: str) -> dict[str, Any]:
        label = "|".join(map(re.escape, self.choices))
        return {"type": "string", "pattern": f"^({label})(,({label})){{0,{len(self.choices) - 1}}}$"}


class BooleanField(serializers.BooleanField):
    """JSON's `true` or `false`. DRF's own field takes "yes", 1 and others as well, which the description does not."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class FlagField(Described, serializers.Field[bool, Any, Any, Any]):
    """`true` or `false`."""

    default_error_messages = {"invalid_choice": "true or false is needed."}

    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid_choice")
        return bool(data == "true")

    def json_schema(self, direction: str) -> dict[str, Any]:
        return {"type": "string", "enum": ["true", "false"]}


class StrictQuery(StrictSerializer):
    """The query string of a list: each parameter known and given once."""

    @classmethod
    def of(cls, request: Request) -> dict[str, Any]:
        text = request.META["QUERY_STRING"]
        return dict(_read_once(cls, text) if len(text) <= _LONGEST_CACHED else _read(cls, text))


def _read(form: type[StrictQuery], text: str) -> Mapping[str, Any]:
    try:
        unquote_plus(text, errors="strict")
    except UnicodeDecodeError as error:
        raise Problem(400, "unparseable", "The query string is not UTF-8.") from error
    given: dict[str, Any] = {}
    for name, values in QueryDict(text.encode("latin-1"), encoding="utf-8").lists():
        if any(map(masking.holds_key, (name, *values))):
            raise error_of(name[:64], "key_in_query", _KEY_IN_QUERY)
        if len(values) > 1:
            raise error_of(name[:64], "repeated", "Give this parameter once.")
        given[name] = values[0]
    return form.checked(given)


# Pollers send the same query again and again. A long one is read anew: the cache stays below a few MB.
_LONGEST_CACHED = 1_000
_read_once = functools.lru_cache(maxsize=1_000)(_read)
