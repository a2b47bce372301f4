from django.urls import path

from invoices.api.case_views import EscalationViewSet
from invoices.api.debtor_views import DebtorViewSet
from invoices.api.merge_views import DuplicateViewSet, MergeViewSet
from invoices.api.views import InvoiceViewSet, PaymentViewSet, ReceiptViewSet, TimelineViewSet

urlpatterns = [
    path("invoices", InvoiceViewSet.as_view({"get": "list", "post": "create"}), name="invoices"),
    path(
        "invoices/<uuid:invoice_id>",
        InvoiceViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="invoice",
    ),
    path(
        "invoices/<uuid:invoice_id>/payments",
        PaymentViewSet.as_view({"get": "list", "post": "create"}),
        name="payments",
    ),
    path("payments/<uuid:payment_id>/void", ReceiptViewSet.as_view({"post": "void"}), name="void-payment"),
    path("payments/<uuid:payment_id>/reverse", ReceiptViewSet.as_view({"post": "reverse"}), name="reverse-payment"),
    path("invoices/<uuid:invoice_id>/timeline", TimelineViewSet.as_view({"get": "list"}), name="timeline"),
    path("escalations", EscalationViewSet.as_view({"get": "list"}), name="escalations"),
    path(
        "escalations/<uuid:escalation_id>",
        EscalationViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="escalation",
    ),
    path("debtors/<uuid:debtor_id>/merge", MergeViewSet.as_view({"post": "merge"}), name="merge-debtor"),
    path("debtors/<uuid:debtor_id>/duplicates", DuplicateViewSet.as_view({"get": "list"}), name="duplicates"),
    path("debtor-merges/<uuid:merge_id>/undo", MergeViewSet.as_view({"post": "undo"}), name="undo-debtor-merge"),
    path("debtors", DebtorViewSet.as_view({"get": "list", "post": "create"}), name="debtors"),
    path(
        "debtors/<uuid:debtor_id>",
        DebtorViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="debtor",
    ),
]
