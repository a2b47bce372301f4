"""The web server's application: an event loop in front of Django (docs/decisions/0033).

The event loop deals with clients, each at its own pace: it reads requests whole and within limits, and sends responses.
Threads run Django and wait for PostgreSQL, never for a client.
"""

from inflow.wsgi import application as django_application  # first: it sets Django up

# isort: split
from django.conf import settings

from inflow.front.application import Front

application = Front(django_application, settings.WEB_THREADS)
