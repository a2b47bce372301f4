from django.urls import path

from invoices.api.case_views import EscalationViewSet
from invoices.api.credit_note_views import CreditNoteViewSet
from invoices.api.receipt_views import CreditViewSet, ReceiptViewSet
from invoices.api.views import InvoiceViewSet, PaymentViewSet, TimelineViewSet

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
    path("invoices/<uuid:invoice_id>/timeline", TimelineViewSet.as_view({"get": "list"}), name="timeline"),
    path("escalations", EscalationViewSet.as_view({"get": "list"}), name="escalations"),
    path(
        "escalations/<uuid:escalation_id>",
        EscalationViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="escalation",
    ),
    # Receipts and credit notes
    path("payments", ReceiptViewSet.as_view({"get": "list", "post": "create"}), name="receipts"),
    path("payments/<uuid:payment_id>", ReceiptViewSet.as_view({"get": "retrieve"}), name="receipt"),
    path("payments/<uuid:payment_id>/void", ReceiptViewSet.as_view({"post": "void"}), name="void-payment"),
    path("payments/<uuid:payment_id>/reverse", ReceiptViewSet.as_view({"post": "reverse"}), name="reverse-payment"),
    path("invoices/<uuid:invoice_id>/apply-credit", CreditViewSet.as_view({"post": "create"}), name="apply-credit"),
    path("credit-notes", CreditNoteViewSet.as_view({"get": "list", "post": "create"}), name="credit-notes"),
    path("credit-notes/<uuid:note_id>", CreditNoteViewSet.as_view({"get": "retrieve"}), name="credit-note"),
    path("credit-notes/<uuid:note_id>/void", CreditNoteViewSet.as_view({"post": "void"}), name="void-credit-note"),
]
