"""The addresses of `make run`, whatever TRY_OUT was when inflow.urls was imported."""

from communications.channels import local_gateway
from inflow.urls import urlpatterns as production

urlpatterns = [*production, *local_gateway.urlpatterns]
