"""Serializers of POST /api/zapier/open-items."""

import datetime as dt
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from inflow.accounts.models import Account
from inflow.api.fields import DateField, MomentField, MoneyField, StrictSerializer, error_of
from invoices import money
from invoices.api.invoice_fields import CurrencyField, NumberField
from invoices.models import MAX_NUMBER
from invoices.reconciliation.comparing import Item

MOST_ITEMS = 100_000
# Further faults are not listed.
_MOST_FAULTS = 50
# How far the clock of the books may be ahead of ours.
_AHEAD = dt.timedelta(minutes=10)


class ItemSerializer(serializers.Serializer[Any]):
    """An open item, for the description of the API."""

    invoice_number = serializers.CharField(max_length=MAX_NUMBER)
    currency = serializers.ChoiceField(choices=sorted(money.EXPONENTS))
    balance = MoneyField(positive=True, help_text="What is still owed, in major units.")
    due_date = DateField(required=False, allow_null=True)


@extend_schema_field(ItemSerializer(many=True))
class ItemsField(serializers.Field[Any, Any, Any, Any]):
    """The open items. A list may be long, so the items are read without a serializer for each of them."""

    default_error_messages = {
        "not_a_list": _lazy("A list of objects is needed."),
        "too_many": format_lazy(_lazy("Send at most {most} items."), most=f"{MOST_ITEMS:,}"),
    }

    def to_internal_value(self, data: Any) -> list[Item]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if len(data) > MOST_ITEMS:
            self.fail("too_many")
        items: list[Item] = []
        faults: dict[str, Any] = {}
        rows: dict[str, int] = {}
        for row, given in enumerate(data):
            try:
                item = _read(given)
                if (first := rows.setdefault(item.invoice_number, row)) != row:
                    message = _("Item %(first)s has the same number.") % {"first": first}
                    raise error_of("invoice_number", "duplicate", message)
            except serializers.ValidationError as error:
                faults[str(row)] = error.detail
                if len(faults) == _MOST_FAULTS:
                    break
            else:
                items.append(item)
        if faults:
            raise serializers.ValidationError(faults)
        return items


_FIELDS = {"invoice_number", "currency", "balance", "due_date"}
_NUMBER, _BALANCE, _DUE_DATE = NumberField(), MoneyField(positive=True), DateField()


def _read(given: Any) -> Item:
    """Return a valid item. Raise `ValidationError` by field."""
    if not isinstance(given, dict):
        raise serializers.ValidationError(_("An object is needed."), "invalid")
    faults: dict[str, Any] = {
        name[:64]: [ErrorDetail(_("There is no such field."), "unknown_field")] for name in given.keys() - _FIELDS
    }
    values: dict[str, Any] = {"due_date": None}
    for name, read in (("invoice_number", _NUMBER.run_validation), ("balance", _BALANCE.run_validation)):
        try:
            values[name] = read(given.get(name, serializers.empty))
        except serializers.ValidationError as error:
            faults[name] = error.detail
    currency = given.get("currency")
    values["currency"] = currency.upper() if isinstance(currency, str) else ""
    if (exponent := money.EXPONENTS.get(values["currency"])) is None:
        faults["currency"] = [ErrorDetail(_("A currency code such as AED is needed."), "invalid_choice")]
    elif "balance" in values and money.decimals(values["balance"]) > exponent:
        message = _("%(currency)s has %(exponent)s decimals at most.")
        shown = {"currency": values["currency"], "exponent": exponent}
        faults["balance"] = [ErrorDetail(message % shown, "too_many_decimals")]
    if given.get("due_date") not in (None, ""):
        try:
            values["due_date"] = _DUE_DATE.run_validation(given["due_date"])
        except serializers.ValidationError as error:
            faults["due_date"] = error.detail
    if faults:
        raise serializers.ValidationError(faults)
    return Item(**values)


class OpenItemsIn(StrictSerializer):
    """Request of POST /api/zapier/open-items."""

    blank_is_absent = True

    as_of = MomentField(required=False, help_text="When the list was made.")
    complete = serializers.ListField(
        child=CurrencyField(),
        required=False,
        max_length=len(money.EXPONENTS),
        help_text="The currencies in which the list contains all open invoices.",
    )
    items = ItemsField()

    def validate_as_of(self, value: dt.datetime) -> dt.datetime:
        account: Account = self.context["account"]
        if value > account.now() + _AHEAD:
            raise serializers.ValidationError(_("It must not be in the future."), "in_the_future")
        return value


class _DifferenceOut(serializers.Serializer[Any]):
    invoice_number = serializers.CharField()
    currency = serializers.CharField(help_text="ISO 4217.")


class _FoundOut(_DifferenceOut):
    invoice_id = serializers.UUIDField()
    changed_since = serializers.BooleanField(help_text="The invoice was changed here after `as_of`.")


@extend_schema_serializer(component_name="MissingItem")
class MissingOut(_DifferenceOut):
    """An item without an invoice here."""

    balance_there = MoneyField()
    due_date_there = serializers.DateField(allow_null=True)


@extend_schema_serializer(component_name="ItemInOtherCurrency")
class OtherCurrencyOut(_DifferenceOut):
    """An item whose invoice here is in another currency. `currency` is the item's."""

    invoice_id = serializers.UUIDField()
    balance_here = MoneyField()
    balance_there = MoneyField()


@extend_schema_serializer(component_name="ItemWithOtherBalance")
class OtherBalanceOut(_FoundOut):
    """An item whose invoice here has another balance. The balance of a closed invoice is what it still owes: 0."""

    balance_here = MoneyField()
    balance_there = MoneyField()


@extend_schema_serializer(component_name="ItemWithOtherDueDate")
class OtherDueDateOut(_FoundOut):
    """An item whose invoice here has another due date."""

    due_date_here = serializers.DateField()
    due_date_there = serializers.DateField()


@extend_schema_serializer(component_name="ClosedItem")
class ClosedOut(_FoundOut):
    """An invoice that is open here but not in the list."""

    balance_here = MoneyField()


@extend_schema_serializer(component_name="Comparison")
class ComparisonOut(serializers.Serializer[Any]):
    """Differences by kind, as `open_items_views` writes them."""

    id = serializers.UUIDField()
    as_of = serializers.DateTimeField(allow_null=True)
    items = serializers.IntegerField(help_text="The number of items in the list.")
    missing_here = MissingOut(many=True)
    other_currency = OtherCurrencyOut(many=True)
    other_balance = OtherBalanceOut(many=True)
    other_due_date = OtherDueDateOut(many=True)
    closed_there = ClosedOut(many=True)
