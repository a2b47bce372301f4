"""Serializers of debtors and their queries."""

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow import places
from inflow.accounts.models import Account, Language, User, known_subdivision, known_time_zone
from inflow.api.fields import (
    EMAIL,
    BooleanField,
    ChoiceField,
    FlagField,
    MomentField,
    MoneyField,
    StrictSerializer,
    TextField,
    UUIDField,
    error_of,
)
from inflow.api.pagination import PageQuery
from inflow.canonical import SHOWN, canonical
from invoices.debtors import debtors
from invoices.debtors.editing import MAX_CONTACTS, ContactValues
from invoices.models.debtors import MESSAGE_KINDS
from invoices.models.invoices import MAX_EXTERNAL_ID, MAX_TAG

MAX_TAGS = 20


class ExternalIdField(TextField):
    """An id in another system, as text or as an integer, in its canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_EXTERNAL_ID, pattern=rf"[^\x00]*{SHOWN}[^\x00]*", **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        given = str(data) if isinstance(data, int) and not isinstance(data, bool) else data
        value = canonical(super().run_validation(given))
        if not value:
            self.fail("blank")
        if len(value) > MAX_EXTERNAL_ID:
            self.fail("max_length", max_length=MAX_EXTERNAL_ID)
        return value


def _without_empty(data: Any, *, keep: str = "") -> Any:
    """Leave out what is null or "": it is not given."""
    if not isinstance(data, Mapping):
        return data
    return {name: value for name, value in data.items() if name == keep or value not in (None, "")}


class DebtorContactIn(StrictSerializer):
    """A contact of a debtor: an email, a phone or both."""

    id = UUIDField(
        required=False, help_text="The id of a contact to keep. Without it, one with the same addresses is kept."
    )
    name = TextField(max_length=200, required=False)
    role = TextField(max_length=100, required=False)
    email = TextField(max_length=254, pattern=EMAIL, required=False)
    phone = TextField(max_length=40, required=False)
    language = ChoiceField(choices=Language.choices, required=False)
    receives = serializers.ListField(
        child=ChoiceField(choices=MESSAGE_KINDS), required=False, max_length=len(MESSAGE_KINDS), help_text="Empty: all."
    )

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(_without_empty(data))


class _DebtorFields(StrictSerializer):
    """Common fields of POST and PATCH. `context["account"]` is the account of the debtor."""

    read_only_names = frozenset({"id", "external_ids", "email", "phone", "balances", "created_at", "updated_at"})

    external_id = ExternalIdField(required=False, help_text="Adds an id of the debtor in another system.")
    company = TextField(max_length=200, required=False, allow_null=True)
    language = ChoiceField(choices=Language.choices, required=False, allow_null=True)
    time_zone = TextField(max_length=64, required=False, allow_null=True, help_text="IANA, such as Asia/Dubai.")
    country = TextField(max_length=2, required=False, allow_null=True, help_text="ISO 3166, two letters.")
    subdivision = TextField(max_length=6, required=False, allow_null=True, help_text="ISO 3166-2, such as AE-SH.")
    owner = TextField(
        max_length=254, required=False, allow_null=True, help_text="The email of a member of the account."
    )
    policy = TextField(
        max_length=100, required=False, allow_null=True, help_text="The name of a reminder policy of the account."
    )
    tags = serializers.ListField(
        child=TextField(max_length=MAX_TAG), required=False, allow_null=True, max_length=MAX_TAGS
    )
    never_chase = BooleanField(required=False, help_text="true: no messages are sent. It requires never_chase_reason.")
    never_chase_reason = TextField(max_length=300, required=False, allow_null=True)
    contacts = serializers.ListField(
        child=DebtorContactIn(),
        required=False,
        allow_null=True,
        max_length=MAX_CONTACTS,
        help_text="All of them: they replace the debtor's contacts.",
    )

    @property
    def account(self) -> Account:
        account: Account = self.context["account"]
        return account

    def validate_time_zone(self, value: str | None) -> str:
        if value:
            known_time_zone(value)
        return value or ""

    def validate_country(self, value: str | None) -> str:
        code = (value or "").upper()
        if code:
            places.known_country(code)
        return code

    def validate_subdivision(self, value: str | None) -> str:
        if value:
            known_subdivision(value)
        return value or ""

    def validate_owner(self, value: str | None) -> User | None:
        if value is None:
            return None
        member = User.objects.filter(account=self.account, email=value.lower(), is_active=True).first()
        if member is None:
            message = _("owner must be the email of a member of this account.")
            raise serializers.ValidationError(message, "unknown_member")
        return member

    def validate_policy(self, value: str | None) -> Any:
        if value is None:
            return None
        policies = apps.get_model("communications", "ReminderPolicy")._default_manager
        policy = policies.filter(account=self.account, name=value).first()
        if policy is None:
            message = _("policy must be the name of a reminder policy of this account.")
            raise serializers.ValidationError(message, "unknown_policy")
        return policy

    def validate_tags(self, value: list[str] | None) -> list[str]:
        tags = list(dict.fromkeys(canonical(tag) for tag in value or ()))
        if "" in tags:
            raise serializers.ValidationError(_("A tag must contain a visible character."), "blank")
        return tags

    def validate_contacts(self, value: list[dict[str, Any]] | None) -> list[ContactValues]:
        return [self._contact(place, each) for place, each in enumerate(value or ())]

    def _contact(self, place: int, given: dict[str, Any]) -> ContactValues:
        contact = ContactValues(**given)
        contact = contact._replace(
            email=debtors.normalise_email(contact.email), receives=[*dict.fromkeys(contact.receives)]
        )
        try:
            return contact._replace(
                phone=contact.phone and debtors.normalise_phone(contact.phone, self.account.country)
            )
        except debtors.InvalidPhone as error:
            message = _("A phone number is needed, with its country code: +971501234567.")
            detail = serializers.ErrorDetail(message, "bad_phone")
            raise serializers.ValidationError({str(place): {"phone": [detail]}}) from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the values by name, cleared texts as ""."""
        country, subdivision = attrs.get("country"), attrs.get("subdivision")
        if country and subdivision and not subdivision.startswith(country):
            raise error_of("subdivision", "other_country", _("The emirate or region must be in the country."))
        for name in ("company", "language", "never_chase_reason"):
            if attrs.get(name, "") is None:
                attrs[name] = ""
        return attrs


class DebtorIn(_DebtorFields):
    """POST /api/zapier/debtors."""

    name = TextField(max_length=200)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(_without_empty(data, keep="name"))


class DebtorPatch(_DebtorFields):
    """PATCH /api/zapier/debtors/:id. null clears an optional field."""

    name = TextField(max_length=200, required=False)


class DebtorQuery(PageQuery):
    """GET /api/zapier/debtors."""

    external_id = TextField(max_length=MAX_EXTERNAL_ID, required=False)
    q = TextField(max_length=200, required=False, help_text="The beginning of the name, the company or the email.")
    tag = TextField(max_length=MAX_TAG, required=False, help_text="Exact.")
    owner = TextField(max_length=254, required=False, help_text="The email of a member of the account.")
    email = TextField(max_length=254, required=False, help_text="An email of the debtor, its invoices or its contacts.")
    never_chase = FlagField(required=False)
    updated_after = MomentField(required=False, help_text="Exclusive.")

    def validate_external_id(self, value: str) -> str:
        return canonical(value)

    def validate_tag(self, value: str) -> str:
        return canonical(value)

    def validate_owner(self, value: str) -> str:
        return value.lower()

    def validate_email(self, value: str) -> str:
        return debtors.normalise_email(value)


class ContactOut(serializers.Serializer[Any]):
    """One entry of a debtor's `contacts`."""

    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    role = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True, help_text="E.164.")
    language = serializers.ChoiceField(choices=Language.choices, allow_null=True)
    receives = serializers.ListField(child=serializers.ChoiceField(choices=MESSAGE_KINDS), help_text="Empty: all.")


class BalanceOut(serializers.Serializer[Any]):
    """One entry of a debtor's `balances`."""

    currency = serializers.CharField(help_text="ISO 4217.")
    outstanding = MoneyField(help_text="The balances of all open invoices.")
    overdue = MoneyField(help_text="The part of `outstanding` that is past due and neither disputed nor on hold.")
    credit = MoneyField(help_text="Unapplied credit. It is not subtracted from the other amounts.")


@extend_schema_serializer(component_name="Debtor")
class DebtorOut(serializers.Serializer[Any]):
    """Output of `debtor_representation.of_rows`."""

    id = serializers.UUIDField(help_text="The id of the debtor that replaces it, if the debtor was merged.")
    external_ids = serializers.ListField(child=serializers.CharField())
    name = serializers.CharField()
    company = serializers.CharField(allow_null=True)
    email = serializers.CharField(
        allow_null=True, help_text="The email of its first invoice or contact, or as corrected by staff."
    )
    phone = serializers.CharField(allow_null=True, help_text="E.164.")
    language = serializers.ChoiceField(choices=Language.choices, allow_null=True)
    time_zone = serializers.CharField(allow_null=True, help_text="null: that of the phone, else of the account.")
    country = serializers.CharField(allow_null=True, help_text="null: that of the phone, else of the account.")
    subdivision = serializers.CharField(allow_null=True)
    owner = serializers.CharField(allow_null=True, help_text="The email of a member of the account.")
    tags = serializers.ListField(child=serializers.CharField())
    policy = serializers.CharField(allow_null=True, help_text="null: the account's default.")
    never_chase = serializers.BooleanField()
    never_chase_reason = serializers.CharField(allow_null=True)
    contacts = ContactOut(many=True)
    balances = BalanceOut(many=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def values_of(data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split validated data into the debtor's own values, and its contacts and external id."""
    related: dict[str, Any] = {name: data[name] for name in ("contacts", "external_id") if name in data}
    return {name: value for name, value in data.items() if name not in related}, related
