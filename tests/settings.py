"""The settings of the tests: those of production, but for what would only cost time."""

import os

from inflow.settings import *  # noqa: F403
from inflow.settings import DATABASES, INSTALLED_APPS

# A password costs a third of a second by design.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client loads the middleware: look for static files when they are requested, not all of them each time.
WHITENOISE_AUTOREFRESH = True
INSTALLED_APPS = [*INSTALLED_APPS, "tests.quick_flush"]

if "PYTEST_XDIST_WORKER" in os.environ:  # copy the database that conftest.py migrated
    DATABASES["default"]["TEST"] = {"TEMPLATE": f"test_{DATABASES['default']['NAME']}", "MIGRATE": False}
