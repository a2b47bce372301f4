"""As `startproject` writes it: the floor and the peers have nothing of what InFlow's own leaves out of a request."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
