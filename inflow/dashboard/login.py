"""The log-in page, closed to guessing."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from inflow.accounts.models import User
from inflow.dashboard import attempts, refusals


def login(request: HttpRequest) -> HttpResponse:
    email = attempts.email_of(request) if request.method == "POST" else None
    if email and (wait := attempts.locked_for(request, email)):
        return refusals.locked_out(request, wait)
    response = admin.site.login(request)
    if getattr(request, "axes_locked_out", False) and email:
        return refusals.locked_out(request, attempts.locked_for(request, email))
    if request.method == "POST" and isinstance(request.user, User):
        attempts.forgive(request, request.user)
    return response
