"""Default settings of a new project with InFlow's models, database and cache. BENCH_PEER is the URL module."""

import os
from typing import Any

from inflow.settings import *  # noqa: F403
from inflow.settings import DATABASES

# Connections stay open, as InFlow's do.
_CONNECTION: dict[str, Any] = {"CONN_HEALTH_CHECKS": False, "OPTIONS": {}}
ROOT_URLCONF = os.environ["BENCH_PEER"]
DATABASES["default"] |= _CONNECTION
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if os.environ["BENCH_PEER"].endswith("constant"):
    MIDDLEWARE = []
REST_FRAMEWORK = dict[str, Any](COERCE_DECIMAL_TO_STRING=False)
