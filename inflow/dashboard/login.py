"""The log-in page, closed to guessing: by address and by email."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from inflow.api.middleware import client_address
from inflow.api.throttling import flooded

PER_ADDRESS, PER_EMAIL = "20/m", "10/5m"


def login(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        email = request.POST.get("username", "").strip().lower()
        wait = flooded(request, "login-address", client_address(request), PER_ADDRESS) or flooded(
            request, "login-email", email, PER_EMAIL
        )
        if wait:
            response = render(request, "429.html", {"wait": wait}, status=429)
            response["Retry-After"] = str(wait)
            return response
    return admin.site.login(request)
