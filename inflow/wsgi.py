import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inflow.settings")
# libpq reads it at each connection: a request's query that takes longer is ended, and answered with 503.
os.environ.setdefault("PGOPTIONS", "-c statement_timeout=10s")

application = get_wsgi_application()
