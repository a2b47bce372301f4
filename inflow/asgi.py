"""The ASGI application: an event loop in front of Django (docs/decisions/0033).

The event loop reads whole requests within limits and sends responses, however slow a client is. Threads run Django and
wait for PostgreSQL, never for a client.
"""

import sys

from inflow.wsgi import application as django_application  # first: it sets Django up

# isort: split
from django.conf import settings
from django.urls import resolve

from inflow.front.application import Front

# With Python's default of 5 ms, ten queries took 100 ms while another thread computed a page; with 1 ms they take 20.
sys.setswitchinterval(0.001)

resolve("/")  # import all views now instead of during the first request

application = Front(django_application, settings.WEB_THREADS)
