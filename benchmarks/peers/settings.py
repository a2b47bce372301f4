"""`startproject`'s settings with InFlow's models, database and cache. BENCH_PEER names the module with the addresses."""

import os

from inflow.settings import *  # noqa: F403
from inflow.settings import DATABASES

ROOT_URLCONF = os.environ["BENCH_PEER"]
WSGI_APPLICATION = None
DATABASES["default"] |= {"CONN_HEALTH_CHECKS": False, "OPTIONS": {}}  # connections stay open: CONN_MAX_AGE is InFlow's
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
REST_FRAMEWORK = {"COERCE_DECIMAL_TO_STRING": False}
