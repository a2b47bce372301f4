"""Serializers of merges and possible duplicates."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from inflow.api.fields import BooleanField, MoneyField, StrictSerializer, UUIDField
from inflow.api.pagination import PageQuery
from invoices.models import Likeness


class MergeIn(StrictSerializer):
    """POST /api/zapier/debtors/:id/merge: the debtor that remains. With `dry_run`, nothing changes."""

    blank_is_absent = True

    into = UUIDField()
    dry_run = BooleanField(required=False)


class UndoMergeIn(StrictSerializer):
    """POST /api/zapier/debtor-merges/:id/undo: nothing."""


class DuplicateQuery(PageQuery):
    """GET /api/zapier/debtors/:id/duplicates."""


@extend_schema_serializer(component_name="MergedAmount")
class MergedAmountOut(serializers.Serializer[Any]):
    currency = serializers.CharField()
    outstanding = MoneyField()
    credit = MoneyField()


@extend_schema_serializer(component_name="DebtorMerge")
class MergeOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True, help_text="null for a dry run.")
    dry_run = serializers.BooleanField()
    debtor_id = serializers.UUIDField(help_text="The merged debtor. Its id stays valid and stands for the other one.")
    into = serializers.UUIDField(help_text="The remaining debtor.")
    moved = serializers.DictField(child=serializers.IntegerField(), help_text="The number of rows that move, by kind.")
    amounts = MergedAmountOut(many=True, help_text="What moves, by currency. Empty after the merge.")
    effects = serializers.ListField(
        child=serializers.CharField(), help_text="Sentences about other effects. Empty after the merge."
    )
    merged_at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="PossibleDuplicate")
class DuplicateOut(serializers.Serializer[Any]):
    debtor_id = serializers.UUIDField()
    name = serializers.CharField()
    company = serializers.CharField()
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=Likeness.choices))
    shared = serializers.CharField(help_text="The email or phone that both have, or an empty string.")
    found_at = serializers.DateTimeField()
