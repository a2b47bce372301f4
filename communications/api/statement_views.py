"""/api/zapier/debtors/:id/statement: the statement of account as JSON or PDF."""

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request

from communications.portal import entries, statement, texts
from communications.portal.account import open_invoices, positions
from inflow.accounts.models import Language, Scope
from inflow.api.authentication import account_of
from inflow.api.errors import Problem, invalid, not_found
from inflow.api.fields import ChoiceField, DateField, MoneyField, StrictQuery, TextField
from inflow.api.json import MEDIA_TYPE
from inflow.api.responses import ApiResponse
from inflow.api.viewsets import ApiViewSet
from invoices.debtors import aliases, debtor_parties
from invoices.debtors.debtor_parties import DebtorParty
from invoices.debtors.parties import MAX_KEY
from invoices.debtors.receivables import Part, Position
from invoices.models import Debtor, Invoice, Status

PDF = "application/pdf"
_ZERO = Decimal(0)


class StatementQuery(StrictQuery):
    """GET /api/zapier/debtors/:id/statement."""

    party = TextField(
        max_length=MAX_KEY,
        required=False,
        help_text="The key of one of the debtor's `parties`. The default is the party that the debtor is named after.",
    )
    since = DateField(
        required=False,
        help_text="The first day of the entries in the JSON, by default a year ago. Earlier ones are brought forward.",
    )
    language = ChoiceField(
        choices=Language.choices, required=False, help_text="The language of the PDF. Default: the debtor's."
    )


class PartyOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    name = serializers.CharField()
    company = serializers.CharField(allow_null=True)


class StatementEntryOut(serializers.Serializer[Any]):
    date = DateField()
    kind = serializers.ChoiceField(choices=entries.KINDS)
    number = serializers.CharField(allow_null=True, help_text="The number of the invoice or credit note.")
    reference = serializers.CharField(allow_null=True, help_text="The reference of the payment.")
    amount = MoneyField(help_text="Negative if it lowers the balance.")
    balance = MoneyField(help_text="The balance after this entry.")


class StatementCurrencyOut(serializers.Serializer[Any]):
    currency = serializers.CharField()
    brought_forward = MoneyField(help_text="The balance of the earlier entries.")
    entries = StatementEntryOut(many=True, help_text="Oldest first, at most the 400 newest.")
    balance = MoneyField(help_text="The last balance: what is outstanding less credit.")
    outstanding = MoneyField()
    overdue = MoneyField()
    not_due = MoneyField()
    on_hold = MoneyField()
    disputed = MoneyField()
    credit = MoneyField(help_text="Unapplied credit.")


class OpenInvoiceOut(serializers.Serializer[Any]):
    invoice_id = serializers.UUIDField()
    invoice_number = serializers.CharField()
    currency = serializers.CharField()
    issue_date = DateField()
    due_date = DateField()
    amount = MoneyField()
    balance = MoneyField()
    status = serializers.ChoiceField(choices=Status.choices)


@extend_schema_serializer(component_name="Statement")
class StatementOut(serializers.Serializer[Any]):
    """The result of `_shown`."""

    debtor_id = serializers.UUIDField()
    party = PartyOut()
    parties = PartyOut(many=True, help_text="All parties of the debtor, each of which has its own statement.")
    as_of = DateField(help_text="Today in the account's time zone.")
    since = DateField()
    currencies = StatementCurrencyOut(many=True)
    open_invoices = OpenInvoiceOut(many=True, help_text="The oldest due date first.")


class StatementViewSet(ApiViewSet):
    scopes = {"retrieve": Scope.INVOICES_READ}
    reads_query = frozenset({"retrieve"})

    @extend_schema(
        operation_id="get_statement",
        summary="Get a debtor's statement of account",
        description=(
            "Invoices, payments and credit notes with a running balance for each currency, and the open invoices. With"
            " `Accept: application/pdf`, the PDF that the debtor can download (406 if this server can't make PDFs)."
            " Invoices of a debtor may name different parties; each has its own statement, and none shows another's."
        ),
        parameters=[StatementQuery],
        responses={(200, MEDIA_TYPE): StatementOut, (200, PDF): OpenApiTypes.BINARY},
    )
    def retrieve(self, request: Request, debtor_id: uuid.UUID) -> HttpResponse:
        query, account = StatementQuery.of(request), account_of(request)
        found = Debtor.objects.for_account(account).filter(pk=debtor_id).first()
        if found is None:
            raise not_found()
        found.account = account
        debtor = aliases.current(found)
        parties = debtor_parties.of(debtor)
        party = entries.party_of(parties, query.get("party", ""))
        if party is None:
            known = ", ".join(f'"{entries.key_of(each)}" ({each})' for each in parties)
            raise invalid("party", "invalid_choice", f"party must be one of: {known}.")
        today = account.today()
        if request.get_preferred_type([MEDIA_TYPE, PDF]) == PDF:
            return _pdf(party, query.get("language") or debtor.language or account.language, today)
        since = query.get("since") or today - dt.timedelta(days=entries.SHOWN_DAYS)
        return ApiResponse(_shown(party, parties, since, today))


def _pdf(party: DebtorParty, language: str, today: dt.date) -> HttpResponse:
    if not statement.is_available():
        problem = "This server can't make PDFs: request application/json, or ask its operator to install WeasyPrint."
        raise Problem(406, "not_acceptable", problem)
    response = HttpResponse(statement.pdf(party.debtor, texts.of(language), party), content_type=PDF)
    response["Content-Disposition"] = f'attachment; filename="statement-{today:%Y-%m-%d}.pdf"'
    return response


def _shown(party: DebtorParty, parties: Sequence[DebtorParty], since: dt.date, today: dt.date) -> dict[str, Any]:
    invoices = open_invoices(party)
    standing, found = positions(party, invoices), entries.of(party, since)
    return {
        "debtor_id": party.debtor.pk,
        "party": _party(party),
        "parties": [_party(each) for each in parties],
        "as_of": today,
        "since": since,
        "currencies": [
            _currency(code, found.get(code), standing.get(code, Position())) for code in sorted({*found, *standing})
        ],
        "open_invoices": [_invoice(invoice) for invoice in invoices],
    }


def _party(party: DebtorParty) -> dict[str, Any]:
    return {"key": entries.key_of(party), "name": party.name, "company": party.company or None}


def _currency(code: str, account: entries.RunningAccount | None, position: Position) -> dict[str, Any]:
    balance, shown = (account and account.brought_forward) or _ZERO, []
    for entry in account.entries if account else ():
        balance += entry.amount
        shown.append(
            {
                "date": entry.on,
                "kind": entry.kind,
                "number": entry.number or None,
                "reference": entry.reference or None,
                "amount": entry.amount,
                "balance": balance,
            }
        )
    return {
        "currency": code,
        "brought_forward": (account and account.brought_forward) or _ZERO,
        "entries": shown,
        "balance": balance,
        "outstanding": position.outstanding,
        **{part.value: getattr(position, part.value) for part in Part},
        "credit": position.credit,
    }


def _invoice(invoice: Invoice) -> dict[str, Any]:
    names = ("invoice_number", "currency", "issue_date", "due_date", "amount", "balance", "status")
    return {"invoice_id": invoice.pk, **{name: getattr(invoice, name) for name in names}}
