from django.urls import path

from invoices.views import InvoiceViewSet, PaymentViewSet

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
]
