from django.urls import path

from invoices.api.activity_views import DisputeViewSet, NoteViewSet, PromiseViewSet
from invoices.api.case_views import EscalationViewSet
from invoices.api.credit_note_views import CreditNoteViewSet
from invoices.api.debtor_views import DebtorViewSet
from invoices.api.document_views import DocumentViewSet
from invoices.api.merge_views import DuplicateViewSet, MergeViewSet
from invoices.api.open_items_views import OpenItemsViewSet
from invoices.api.receipt_views import CreditViewSet, ReceiptViewSet
from invoices.api.upsert_views import BulkViewSet
from invoices.api.views import InvoiceViewSet, PaymentViewSet, TimelineViewSet

urlpatterns = [
    path("invoices", InvoiceViewSet.as_view({"get": "list", "post": "create", "put": "put_by_query"}), name="invoices"),
    path("invoices/bulk", BulkViewSet.as_view({"post": "create"}), name="bulk"),
    path("invoices/by-number/<path:number>", InvoiceViewSet.as_view({"put": "put_by_number"}), name="by-number"),
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
    path("invoices/<uuid:invoice_id>/timeline", TimelineViewSet.as_view({"get": "list"}), name="timeline"),
    path("escalations", EscalationViewSet.as_view({"get": "list"}), name="escalations"),
    path(
        "escalations/<uuid:escalation_id>",
        EscalationViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="escalation",
    ),
    path(
        "invoices/<uuid:invoice_id>/promises",
        PromiseViewSet.as_view({"get": "list", "post": "create"}),
        name="promises",
    ),
    path(
        "invoices/<uuid:invoice_id>/disputes",
        DisputeViewSet.as_view({"get": "list", "post": "create"}),
        name="disputes",
    ),
    path("invoices/<uuid:invoice_id>/notes", NoteViewSet.as_view({"get": "list", "post": "create"}), name="notes"),
    path("open-items", OpenItemsViewSet.as_view({"post": "compare"}), name="open-items"),
    # Receipts and credit notes
    path("payments", ReceiptViewSet.as_view({"get": "list", "post": "create"}), name="receipts"),
    path("payments/<uuid:payment_id>", ReceiptViewSet.as_view({"get": "retrieve"}), name="receipt"),
    path("payments/<uuid:payment_id>/void", ReceiptViewSet.as_view({"post": "void"}), name="void-payment"),
    path("payments/<uuid:payment_id>/reverse", ReceiptViewSet.as_view({"post": "reverse"}), name="reverse-payment"),
    path("invoices/<uuid:invoice_id>/apply-credit", CreditViewSet.as_view({"post": "create"}), name="apply-credit"),
    path("credit-notes", CreditNoteViewSet.as_view({"get": "list", "post": "create"}), name="credit-notes"),
    path("credit-notes/<uuid:note_id>", CreditNoteViewSet.as_view({"get": "retrieve"}), name="credit-note"),
    path("credit-notes/<uuid:note_id>/void", CreditNoteViewSet.as_view({"post": "void"}), name="void-credit-note"),
    path("debtors", DebtorViewSet.as_view({"get": "list", "post": "create"}), name="debtors"),
    path(
        "debtors/<uuid:debtor_id>",
        DebtorViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="debtor",
    ),
    path("debtors/<uuid:debtor_id>/merge", MergeViewSet.as_view({"post": "merge"}), name="merge-debtor"),
    path("debtors/<uuid:debtor_id>/duplicates", DuplicateViewSet.as_view({"get": "list"}), name="duplicates"),
    path("debtor-merges/<uuid:merge_id>/undo", MergeViewSet.as_view({"post": "undo"}), name="undo-debtor-merge"),
    path(
        "invoices/<uuid:invoice_id>/document",
        DocumentViewSet.as_view({"get": "retrieve", "put": "replace"}),
        name="invoice-document",
    ),
]
