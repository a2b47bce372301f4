"""The default WSGI application, without InFlow's shortcuts."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
