from django.urls import path

from invoices.case_views import EscalationViewSet
from invoices.views import InvoiceViewSet, PaymentViewSet, TimelineViewSet

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
]
