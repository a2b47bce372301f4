"""The addresses of an installation with MAIL_PROVIDER=postmark."""

from django.urls import include, path

from communications.inbound import mail_hooks
from inflow.urls import urlpatterns as production

urlpatterns = [*production, path("hooks/mail/", include(mail_hooks.urls("postmark")))]
