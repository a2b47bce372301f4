from django.urls import path

from communications.portal import views

urlpatterns = [
    path("unsubscribe/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("<str:token>", views.show, name="debtor-page"),
    path("<str:token>/statement.pdf", views.statement_pdf, name="debtor-page-statement"),
    path("<str:token>/logo", views.logo, name="debtor-page-logo"),
    path("<str:token>/document/<uuid:invoice_id>", views.document, name="debtor-page-document"),
    path("<str:token>/dispute/<uuid:file_id>", views.dispute_file, name="debtor-page-dispute-file"),
    path("<str:token>/pay/<uuid:invoice_id>", views.pay, name="debtor-page-pay"),
    path("<str:token>/<str:kind>", views.submit, name="debtor-page-submit"),
]
