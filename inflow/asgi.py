"""The web server's application: an event loop in front of Django (docs/decisions/0033).

The event loop deals with clients, each at its own pace: it reads requests whole and within limits, and sends responses.
Threads run Django and wait for PostgreSQL, never for a client.
"""

import sys

from inflow.wsgi import application as django_application  # first: it sets Django up

# isort: split
from django.conf import settings
from django.urls import resolve

from inflow.front.application import Front

# A thread that computes gives way to the others after this time. Python's 5 ms made ten trips to PostgreSQL take 100 ms
# beside a page that computes; with 1 ms they take 20.
sys.setswitchinterval(0.001)

resolve("/")  # loads every view now, not at the first request, which may come right after a reload

application = Front(django_application, settings.WEB_THREADS)
