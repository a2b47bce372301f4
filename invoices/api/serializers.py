"""Serializers of invoices, payments, cases and their queries. Unknown fields are refused."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.accounts.models import Account, Language
from inflow.api.fields import (
    EMAIL,
    BooleanField,
    ChoiceField,
    ChoicesField,
    CodeField,
    DateField,
    Described,
    FlagField,
    IntegerQueryField,
    MomentField,
    MoneyField,
    ReferenceField,
    StrictQuery,
    StrictSerializer,
    TextField,
    UUIDField,
    error_of,
)
from inflow.api.pagination import PageQuery, Part
from inflow.api.schema import FieldErrorOut
from inflow.canonical import canonical
from invoices import contact_lists, money
from invoices.api import representation
from invoices.api.invoice_fields import (
    ContactsField,
    CurrencyField,
    MetadataField,
    NumberField,
    PaymentUrlField,
    TagsField,
)
from invoices.debtors import debtors
from invoices.models import (
    OPEN,
    CaseStatus,
    Invoice,
    InvoiceQuerySet,
    PaymentStatus,
    Reason,
    ReceiptStatus,
    Resolution,
    Status,
)
from invoices.models.invoices import MAX_EXTERNAL_ID


class InvoiceFields(StrictSerializer):
    """Fields of POST, PUT and PATCH. `context["account"]` is the account of the invoice."""

    read_only_names = frozenset(representation.FIELDS)

    def validate_debtor_email(self, value: str | None) -> str | None:
        return value and debtors.normalise_email(value)

    def validate_debtor_phone(self, value: str | None) -> str | None:
        return value and self._phone(value)

    def validate_contacts(self, contacts: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        for contact in contacts or ():
            if "email" in contact:
                contact["email"] = debtors.normalise_email(contact["email"])
            if "phone" in contact:
                contact["phone"] = self._phone(contact["phone"])
        if any(not contact.keys() & {"email", "phone"} for contact in (contacts or [])[1:]):
            raise serializers.ValidationError(_("Each contact needs an email or a phone."), "no_address")
        return contacts

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take the first contact's addresses as the invoice's own. Refuse others in debtor_email and debtor_phone."""
        if contacts := attrs.get("contacts"):
            for field, name in (("debtor_email", "email"), ("debtor_phone", "phone")):
                address = contacts[0].get(name, "")
                if address and attrs.get(field, address) != address:
                    message = _("%(field)s and the first contact must agree: send it once, or the same address twice.")
                    raise error_of(field, "contradiction", message % {"field": field})
                attrs[field] = attrs.get(field) or address
            attrs["contacts"] = contact_lists.to_store(contacts)
        return attrs

    def _phone(self, value: str) -> str:
        account: Account = self.context["account"]
        try:
            return debtors.normalise_phone(value, account.country)
        except debtors.InvalidPhone as error:
            raise serializers.ValidationError(
                _("A phone number is needed, with its country code: +971501234567."), "bad_phone"
            ) from error


class InvoiceIn(InvoiceFields):
    """POST /api/zapier/invoices."""

    blank_is_absent = True

    invoice_number = NumberField()
    external_id = CodeField(max_length=MAX_EXTERNAL_ID, required=False)
    debtor_name = TextField(max_length=200)
    debtor_company = TextField(max_length=200, required=False)
    debtor_email = TextField(max_length=254, pattern=EMAIL, required=False)
    debtor_phone = TextField(max_length=40, required=False)
    debtor_external_id = CodeField(max_length=MAX_EXTERNAL_ID, required=False)
    contacts = ContactsField(required=False)
    amount = MoneyField(positive=True)
    currency = CurrencyField()
    issue_date = DateField(required=False)
    due_date = DateField()
    language = ChoiceField(choices=Language.choices, required=False)
    notes = TextField(max_length=10_000, required=False)
    purchase_order = CodeField(max_length=100, required=False)
    payment_url = PaymentUrlField(required=False)
    tags = TagsField(required=False)
    metadata = MetadataField(required=False)
    source_updated_at = MomentField(required=False)
    amount_paid = MoneyField(required=False)


class InvoicePut(InvoiceIn):
    """PUT /api/zapier/invoices/by-number/:number. What a new invoice requires is checked when it is registered."""

    invoice_number = NumberField(required=False)
    debtor_name = TextField(max_length=200, required=False)
    amount = MoneyField(positive=True, required=False)
    currency = CurrencyField(required=False)
    due_date = DateField(required=False)
    reopen = BooleanField(required=False)


class NumberQuery(StrictQuery):
    """PUT /api/zapier/invoices."""

    number = TextField(max_length=200)


class RowsField(Described, serializers.ListField):
    """1 to 100 rows, each of which is validated by itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=100, **kwargs)

    def json_schema(self, direction: str) -> dict[str, Any]:
        row = {"type": "object", "description": "An invoice, as in `POST /invoices`."}
        return {"type": "array", "items": row, "minItems": 1, "maxItems": 100}


class BulkIn(StrictSerializer):
    """POST /api/zapier/invoices/bulk."""

    blank_is_absent = True

    invoices = RowsField()
    upsert = BooleanField(required=False)


class InvoicePatch(InvoiceFields):
    """PATCH /api/zapier/invoices/:id. null clears an optional field."""

    status = ChoiceField(choices=Status.choices, required=False)
    payment_status = ChoiceField(choices=PaymentStatus.choices, required=False)
    notes = TextField(max_length=10_000, allow_blank=True, required=False)
    hold_until = DateField(required=False)
    amount = MoneyField(positive=True, required=False)
    issue_date = DateField(required=False)
    due_date = DateField(required=False)
    external_id = CodeField(max_length=MAX_EXTERNAL_ID, required=False, allow_null=True)
    debtor_name = TextField(max_length=200, required=False)
    debtor_company = TextField(max_length=200, required=False, allow_null=True)
    debtor_email = TextField(max_length=254, pattern=EMAIL, required=False, allow_null=True)
    debtor_phone = TextField(max_length=40, required=False, allow_null=True)
    debtor_external_id = CodeField(max_length=MAX_EXTERNAL_ID, required=False)
    contacts = ContactsField(required=False, allow_null=True)
    language = ChoiceField(choices=Language.choices, required=False, allow_null=True)
    purchase_order = CodeField(max_length=100, required=False, allow_null=True)
    payment_url = PaymentUrlField(required=False, allow_null=True)
    tags = TagsField(required=False, allow_null=True)
    metadata = MetadataField(required=False, allow_null=True)
    source_updated_at = MomentField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        empty: dict[str, Any] = {
            "contacts": [],
            "tags": [],
            "metadata": {},
            "language": self.context["account"].language,
            "source_updated_at": None,
        }
        cleared = {name: empty.get(name, "") for name, value in attrs.items() if value is None}
        return super().validate(attrs | cleared)


class PaymentIn(StrictSerializer):
    """POST /api/zapier/invoices/:id/payments: an amount, or `reversal_of` alone."""

    blank_is_absent = True
    read_only_names = frozenset({"id", "created_at"})

    amount = MoneyField(positive=True, required=False)
    paid_at = DateField(required=False)
    method = TextField(max_length=40, required=False)
    reference = ReferenceField(max_length=100, required=False)
    reversal_of = UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "reversal_of" in attrs and len(attrs) > 1:
            raise error_of(
                "reversal_of",
                "not_alone",
                _("reversal_of can't be sent with other fields: a reversal takes the payment's amount."),
            )
        if not attrs.keys() & {"reversal_of", "amount"}:
            raise error_of("amount", "required", _("amount is required."))
        return attrs


class PaymentQuery(PageQuery):
    """GET /api/zapier/invoices/:id/payments."""


class TimelineQuery(PageQuery):
    """GET /api/zapier/invoices/:id/timeline."""


class EscalationQuery(PageQuery):
    """GET /api/zapier/escalations."""

    status = ChoicesField(CaseStatus.values, required=False)
    level = IntegerQueryField(min_value=1, max_value=2, required=False)
    invoice_id = serializers.UUIDField(required=False)


class EscalationPatch(StrictSerializer):
    """PATCH /api/zapier/escalations/:id. A resolution goes with `"status": "resolved"`."""

    read_only_names = frozenset(
        {"id", "invoice_id", "invoice_number", "level", "reason", "opened_at", "created_at", "resolved_at"}
    )

    status = ChoiceField(choices=CaseStatus.choices, required=False)
    resolution = ChoiceField(choices=Resolution.choices, required=False)
    hold_until = DateField(required=False)
    promised_on = DateField(required=False)
    notes = TextField(max_length=10_000, allow_blank=True, required=False)
    assignee = TextField(max_length=254, allow_blank=True, required=False)


SORTS = ("-created_at", "-updated_at", "updated_at", "due_date")


class InvoiceQuery(PageQuery):
    """GET /api/zapier/invoices."""

    sort = ChoiceField(
        choices=SORTS,
        default="-created_at",
        help_text="In an order by updated_at, an invoice that changes meanwhile may appear again or be missed by the"
        " walk: to synchronise, sort by updated_at and begin with updated_after, less 60 seconds.",
    )
    status = ChoicesField(Status.values, required=False)
    payment_status = ChoicesField(PaymentStatus.values, required=False)
    is_overdue = FlagField(required=False)
    currency = serializers.ChoiceField(choices=sorted(money.EXPONENTS), required=False)
    invoice_number = TextField(max_length=64, required=False)
    debtor_email = TextField(max_length=254, required=False)
    due_before = DateField(required=False)
    due_after = DateField(required=False)
    created_after = MomentField(required=False)
    updated_after = MomentField(required=False)
    q = TextField(max_length=200, required=False)

    def validate_debtor_email(self, value: str) -> str:
        return debtors.normalise_email(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Compare a number as it is stored: in its one spelling. One that looks like another may still be stored as it
        came once, so the given spelling is looked for too."""
        given, search = attrs.get("invoice_number", ""), attrs.get("q", "")
        if given != canonical(given):
            attrs |= {"invoice_number": canonical(given), "spelt": given}
        if search != canonical(search):
            attrs["number_begins"] = canonical(search) or search
        return attrs

    @staticmethod
    def apply(query: Mapping[str, Any], invoices: InvoiceQuerySet, today: dt.date | None) -> list[Part]:
        """Return the requested invoices in parts without a row in common. Each has one status or payment status, so
        that an index yields its newest first. `today` is the account's; `is_overdue` needs it."""
        invoices = invoices.filter(**{lookup: query[name] for name, lookup in _LOOKUPS.items() if name in query})
        if "invoice_number" in query:
            same = Q(invoice_number=query["invoice_number"])
            if "spelt" in query:
                same |= Q(invoice_number=query["spelt"])
            invoices = invoices.filter(same)
            if Status.CANCELLED not in query.get("status", ()):
                # The number of a cancelled invoice may be that of another one, which is meant then.
                others = Invoice.objects.filter(account=OuterRef("account"), cancelled_at=None)
                successor = others.filter(invoice_number=OuterRef("invoice_number"))
                invoices = invoices.filter(Q(cancelled_at=None) | ~Exists(successor))
        if "q" in query:
            beginning = Q(invoice_number__istartswith=query.get("number_begins", query["q"]))
            for name in ("debtor_name", "debtor_company", "debtor_email"):
                beginning |= Q(**{f"{name}__istartswith": query["q"]})
            invoices = invoices.filter(beginning)
        statuses, payment_statuses = set(query.get("status", ())), set(query.get("payment_status", ()))
        if not statuses and "is_overdue" not in query:
            return [Part(invoices.filter(payment_status=one)) for one in sorted(payment_statuses)] or [Part(invoices)]
        if payment_statuses:
            invoices = invoices.filter(payment_status__in=sorted(payment_statuses))
        parts = []
        for status in sorted(statuses or Status.values):
            part = invoices.filter(status=status)
            if "is_overdue" not in query or (status not in OPEN and not query["is_overdue"]):
                parts.append(Part(part))
            elif status in OPEN:
                # The clock makes new ones overdue within a minute: few are on the other side of today.
                is_late: bool = query["is_overdue"]
                part = part.filter(due_date__lt=today) if is_late else part.filter(due_date__gte=today)
                parts.append(Part(part, is_small=status == (Status.NEW if is_late else Status.OVERDUE)))
        return parts or [Part(invoices.none())]


_LOOKUPS = {
    "currency": "currency",
    "debtor_email": "debtor_email",
    "due_before": "due_date__lt",
    "due_after": "due_date__gt",
    "created_after": "created_at__gt",
    "updated_after": "updated_at__gt",
}


@extend_schema_serializer(component_name="InvoiceContact")
class ContactOut(serializers.Serializer[Any]):
    """One entry of an invoice's `contacts`."""

    name = serializers.CharField(allow_null=True)
    role = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    language = serializers.ChoiceField(choices=Language.choices, allow_null=True)
    receives = serializers.ListField(
        child=serializers.ChoiceField(choices=contact_lists.KINDS), help_text="Kinds of messages; empty means all."
    )


@extend_schema_serializer(component_name="Invoice")
class InvoiceOut(serializers.Serializer[Any]):
    """Output of `representation.of_row`."""

    id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    external_id = serializers.CharField(allow_null=True, help_text="The invoice's id in the system that it came from.")
    debtor_id = serializers.UUIDField()
    debtor_name = serializers.CharField()
    debtor_company = serializers.CharField(allow_null=True)
    debtor_email = serializers.CharField(allow_null=True)
    debtor_phone = serializers.CharField(allow_null=True, help_text="E.164.")
    contacts = ContactOut(many=True, help_text="The first has debtor_email and debtor_phone.")
    amount = MoneyField(help_text="In major units.")
    currency = serializers.CharField(help_text="ISO 4217.")
    status = serializers.ChoiceField(choices=Status.choices)
    payment_status = serializers.ChoiceField(choices=PaymentStatus.choices)
    issue_date = serializers.DateField()
    due_date = serializers.DateField()
    language = serializers.ChoiceField(choices=Language.choices)
    notes = serializers.CharField(allow_null=True)
    purchase_order = serializers.CharField(allow_null=True)
    payment_url = serializers.CharField(allow_null=True, help_text="The page on which the debtor can pay it.")
    tags = serializers.ListField(child=serializers.CharField())
    metadata = serializers.DictField(child=serializers.CharField())
    source_updated_at = serializers.DateTimeField(
        allow_null=True, help_text="When the last accepted change was made in the system it came from."
    )
    amount_paid = MoneyField(help_text="Never more than `amount`: the rest of a payment is the debtor's credit.")
    amount_credited = MoneyField(help_text="The part of `amount` that credit notes cancel.")
    balance = MoneyField(help_text="What is still owed, never below 0.")
    credit_available = MoneyField(help_text="Unapplied credit of the debtor in this currency.")
    is_overdue = serializers.BooleanField(help_text="Open and past its due date, disputed and on hold included.")
    days_overdue = serializers.IntegerField()
    hold_until = serializers.DateField(allow_null=True)
    escalation_level = serializers.IntegerField()
    last_contacted_at = serializers.DateTimeField(allow_null=True)
    next_contact_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(help_text="Rises with each lifecycle change; the ETag.")
    url = serializers.CharField(help_text="The invoice's page in the dashboard.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AmountsOut(serializers.Serializer[Any]):
    """One entry of `differences`."""

    given = MoneyField()
    recorded = MoneyField()


class DifferencesOut(serializers.Serializer[Any]):
    """Values of a PUT that are not those of the invoice, and were left as they are."""

    amount_paid = AmountsOut(required=False)


@extend_schema_serializer(component_name="UpsertedInvoice")
class UpsertedOut(InvoiceOut):
    """Output of PUT."""

    differences = DifferencesOut(
        required=False, help_text="Names amount_paid if it is less than what is recorded: nothing is removed."
    )


class RowProblemOut(serializers.Serializer[Any]):
    """Refusal of a row, as in a problem document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]


@extend_schema_serializer(component_name="BulkRow")
class BulkRowOut(serializers.Serializer[Any]):
    """Result of a row: `id`, or `problem`."""

    index = serializers.IntegerField()
    status = serializers.IntegerField(help_text="The status that the row would have had as a request of its own.")
    id = serializers.UUIDField(required=False)
    problem = RowProblemOut(required=False)


@extend_schema_serializer(component_name="Payment")
class PaymentOut(serializers.Serializer[Any]):
    """Output of `representation.of_payment_row`."""

    id = serializers.UUIDField()
    amount = MoneyField(help_text="What came in; below 0 for a void or a reversal.")
    paid_at = serializers.DateField()
    method = serializers.CharField()
    reference = serializers.CharField(allow_null=True)
    reversal_of = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(
        choices=ReceiptStatus.choices, help_text="`standing` until it is voided or reversed; an undoing has the same."
    )
    allocated = MoneyField(
        help_text="The part that pays this invoice now; the sum of these parts is the invoice's amount_paid."
    )
    unallocated = MoneyField(help_text="The part that is the debtor's credit now.")
    created_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="TimelineEntry")
class TimelineEntryOut(serializers.Serializer[Any]):
    """Output of `representation.of_timeline_row`."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    actor = serializers.CharField()
    channel = serializers.CharField()
    text = serializers.CharField(help_text="For people.")
    before = serializers.DictField()
    after = serializers.DictField()
    reason = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="Escalation")
class EscalationOut(serializers.Serializer[Any]):
    """Output of `representation.of_escalation_row`."""

    id = serializers.UUIDField()
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    level = serializers.IntegerField(help_text="1, or 2 for what outlasted a 1.")
    reason = serializers.ChoiceField(choices=Reason.choices)
    status = serializers.ChoiceField(choices=CaseStatus.choices)
    assignee = serializers.CharField(allow_null=True, help_text="The email of a member of the account.")
    resolution = serializers.ChoiceField(choices=Resolution.choices, allow_null=True)
    notes = serializers.CharField(allow_null=True)
    opened_at = serializers.DateTimeField(help_text="The account's time.")
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="The account's time.")
