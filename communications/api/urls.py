from django.urls import path

from communications.api.statement_views import StatementViewSet
from communications.api.views import (
    ClockViewSet,
    CommunicationViewSet,
    ForecastViewSet,
    PageLinkViewSet,
    SendViewSet,
)

urlpatterns = [
    path("communications", CommunicationViewSet.as_view({"get": "list"}), name="communications"),
    path(
        "communications/<uuid:invoice_id>",
        CommunicationViewSet.as_view({"get": "of_invoice"}),
        name="communications-of-invoice",
    ),
    path("invoices/<uuid:invoice_id>/page-link", PageLinkViewSet.as_view({"post": "create"}), name="page-link"),
    path("invoices/<uuid:invoice_id>/send", SendViewSet.as_view({"post": "create"}), name="send"),
    path("forecast", ForecastViewSet.as_view({"get": "list"}), name="forecast"),
    path("debtors/<uuid:debtor_id>/statement", StatementViewSet.as_view({"get": "retrieve"}), name="debtor-statement"),
    path("test/clock", ClockViewSet.as_view({"get": "show", "post": "create"}), name="test-clock"),
]
