"""Settings, read once from the environment. `.env.example` lists the variables.

A variable that is missing or invalid raises `environs.EnvError`, which `manage.py` and `make run` print as one line.
"""

import datetime as dt
import ipaddress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dj_email_url
from celery.schedules import crontab
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, validate

from inflow import logs
from inflow.dashboard.theme import UNFOLD as UNFOLD  # a setting

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()


def _fernet_key(text: str) -> str:
    try:
        Fernet(text)
    except ValueError as error:
        raise EnvError(
            'Environment variable "FIELD_KEYS" invalid: a Fernet key is 32 bytes in URL-safe base64'
        ) from error
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise EnvError(f'Environment variable "TRUSTED_PROXIES" invalid: {error}') from error
    return text.strip()


# --- Basics ------------------------------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY", validate=validate.Length(min=50))
# Keys for secrets at rest (webhook secrets, idempotent responses): the first encrypts, all can decrypt. To rotate, put
# a new key first.
FIELD_KEYS: list[str] = env.list("FIELD_KEYS", subcast=_fernet_key, validate=validate.Length(min=1))
# Set by `make run`. Only then are webhooks and gateways on loopback permitted, on any port and over plain http.
TRY_OUT = env.bool("TRY_OUT", False)
DEBUG = env.bool("DEBUG", False)
BASE_URL = env.str("BASE_URL").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
# Addresses or networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto headers are trusted.
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [], subcast=_network)

# Threads of a web process for the API, and as many for pages. Each keeps a connection to PostgreSQL.
WEB_THREADS = env.int("WEB_THREADS", 4, validate=validate.Range(min=1))

# --- PostgreSQL, Valkey ------------------------------------------------------------------------------------------

DATABASES: dict[str, Any] = {"default": env.dj_db_url("DATABASE_URL", conn_max_age=600)}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database: postgres://user:password@host:5432/name")
# Connections and queries fail after the server has been unreachable for 30 seconds. The first value is in milliseconds.
# A frozen server still acknowledges packets; see docs/operations.md.
_tcp = {"tcp_user_timeout": 30_000, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
DATABASES["default"]["OPTIONS"] = {"connect_timeout": 5, **_tcp, **DATABASES["default"].get("OPTIONS", {})}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", validate=validate.Regexp("(redis|rediss|unix)://", error="Not a redis:// address."))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "inflow",
        "VERSION": 2,  # version 1 was pickled
        "OPTIONS": {
            "serializer": "inflow.caching.JSONSerializer",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
        },
    }
}

# A folder that is not part of a restore of the database. High-water marks are written there too (inflow/restores).
_data = env.str("INFLOW_DATA", "")
INFLOW_DATA: Path | None = BASE_DIR / _data if _data else None

# The Django storage of invoice documents, such as storages.backends.s3.S3Storage, and its options as JSON. Empty: they
# are stored in the database.
if _document_storage := env.str("DOCUMENT_STORAGE", ""):
    _document_options = dict(env.json("DOCUMENT_STORAGE_OPTIONS", {}))
    STORAGES: dict[str, Any] = {
        **global_settings.STORAGES,
        "documents": {"BACKEND": _document_storage, "OPTIONS": _document_options},
    }

# --- Django ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "inflow.dashboard.apps.AdminConfig",
    "inflow.accounts",  # before django.contrib.auth, because it replaces a command
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "django_structlog",
    "rest_framework",
    "drf_spectacular_sidecar",
    "inflow.api",
    "inflow.dashboard",
    "inflow.restores",
    "invoices",
    "communications",
    "webhooks",
    "inflow.notifications",
]
MIDDLEWARE = [
    "inflow.api.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Requests to the API bypass all middleware below.
    "inflow.api.middleware.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "inflow.api.middleware.ConnectionMiddleware",
    "inflow.dashboard.core.bounds.BoundsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "inflow.dashboard.middleware.LocaleMiddleware",
    "inflow.dashboard.core.entrance.EntranceMiddleware",
    "inflow.dashboard.middleware.LinkMaskMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "inflow.dashboard.middleware.ContentPolicyMiddleware",
    "inflow.dashboard.core.suspension.SuspensionMiddleware",
]
ROOT_URLCONF = "inflow.urls"
WSGI_APPLICATION = "inflow.wsgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- Transport security ------------------------------------------------------------------------------------------

HTTPS = env.bool("HTTPS", not TRY_OUT)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Plain http requests to the API fail instead of being redirected, because they have exposed a key.
SECURE_REDIRECT_EXEMPT = [r"^api/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "inflow.dashboard.core.refusals.untrusted_form"
X_FRAME_OPTIONS = "DENY"
# The middleware of django-axes is not needed: the login page shows the lock itself.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# The policy of all pages. inflow/dashboard/middleware.py relaxes it where the dashboard requires it.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
UPLOAD_MAX_BYTES = 20 * 1024 * 1024  # of all files of a request
# The rows that a request exports itself, in about a second. A worker exports longer lists, in parts of so many rows.
EXPORT_AT_ONCE = {"csv": 3_000, "xlsx": 1_000}
EXPORT_PART_ROWS = 2_000
FILE_UPLOAD_HANDLERS = [
    "inflow.dashboard.core.uploads.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Login: django-axes counts failed attempts in PostgreSQL, inflow/dashboard/core/attempts.py limits them ----------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_HANDLER = "inflow.dashboard.core.attempts.Attempts"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username", "ip_address"]
AXES_FAILURE_LIMIT = 1  # of the limits in attempts.py
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "inflow.dashboard.core.attempts.email_of"
AXES_CLIENT_IP_CALLABLE = "inflow.dashboard.core.attempts.network_of"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
SESSION_ENGINE = "inflow.accounts.sessions"
# A session ends after this many hours without a request, and after this many days in any case.
SESSION_COOKIE_AGE = 3600 * env.int("SESSION_IDLE_HOURS", 12, validate=validate.Range(min=1))
SESSION_DAYS = env.int("SESSION_DAYS", 7, validate=validate.Range(min=1))
PASSWORD_RESET_TIMEOUT = 3600  # seconds
# Require two steps of platform staff. An account has its own option for its admins.
STAFF_TWO_STEPS = env.bool("STAFF_TWO_STEPS", not TRY_OUT)

# --- API ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["inflow.api.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["inflow.api.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["inflow.api.bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["inflow.api.bodies.Renderer"],
    "DEFAULT_SCHEMA_CLASS": "inflow.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "inflow.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
API_MAX_BODY_BYTES = 256 * 1024
SPECTACULAR_SETTINGS = {
    "TITLE": "InFlow API",
    "DESCRIPTION": "Register invoices, follow their collection, and receive signed webhooks.",
    "VERSION": "2026-03-01",
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": "/"}],
    "COMPONENT_SPLIT_PATCH": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "CurrencyEnum": "invoices.money.CODES",
        "InvoiceStatus": "invoices.models.Status",
        "PaymentStatus": "invoices.models.PaymentStatus",
        "ReceiptStatus": "invoices.models.ReceiptStatus",
        "DocumentKind": "invoices.models.DocumentKind",
        "CommunicationStatus": "communications.models.State",
        "CommunicationKind": "communications.models.Kind",
        "Channel": "communications.models.Medium",
        "EscalationReason": "invoices.models.Reason",
        "EscalationStatus": "invoices.models.CaseStatus",
        "Resolution": "invoices.models.Resolution",
        "Language": "inflow.accounts.models.Language",
        "EventType": "webhooks.models.EventType",
        "AnyEventType": "webhooks.models.ANY_EVENT",
        "DeliveryStatus": "webhooks.models.DeliveryStatus",
        "Scope": "inflow.accounts.models.Scope",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "inflow.api.schema.refuse_unknown_fields",
        "webhooks.api.schema.describe_events",
    ],
}

# --- Celery: rows hold the work, the broker only wakes workers -----------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "clock"
CELERY_TASK_ROUTES = {
    "webhooks.tasks.*": {"queue": "webhooks"},
    "webhooks.tasks.notify_admins": {"queue": "communications"},  # mail
    "inflow.accounts.tasks.send_login_mail": {"queue": "communications"},
    "inflow.notifications.tasks.*": {"queue": "communications"},
    "communications.tasks.*": {"queue": "communications"},
    # Tasks that read or write whole files run in turns on a separate queue, so that they do not delay messages.
    "invoices.tasks.work_on_import": {"queue": "files"},
    "invoices.tasks.read_bank_file": {"queue": "files"},
    "invoices.tasks.match_bank_lines": {"queue": "files"},
    "invoices.tasks.fetch_open_items": {"queue": "files"},
    "inflow.dashboard.tasks.*": {"queue": "files"},
    # A forecast cannot be split into turns, so it has its own queue.
    "inflow.dashboard.tasks.compute_forecast": {"queue": "forecasts"},
}
CELERY_TASK_PUBLISH_RETRY = False
# No acknowledgements: a lost wake-up does no harm, and a worker with unacknowledged tasks crashes when the broker dies
# (kombu 5.7: AttributeError in restore_unacked).
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 5, "ack_emulation": False}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 1000  # otherwise each task opens a connection: 172 instead of 460 tasks per second
# Seconds after which a waiting task is dropped, so that few accumulate while no worker runs. Workers compare it with
# their own clock: with 20 seconds, a worker whose clock was 25 s ahead dropped every task.
_EXPIRES = 600
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    name: {"task": task, "schedule": schedule, "options": {"expires": expires} if expires else {}}
    for name, task, schedule, expires in (
        ("age-invoices", "invoices.tasks.age_invoices", 60.0, _EXPIRES),
        ("sweep-imports", "invoices.tasks.sweep_imports", 20.0, _EXPIRES),
        ("sweep-bank-files", "invoices.tasks.sweep_bank_files", 20.0, _EXPIRES),
        ("sweep-duplicate-searches", "invoices.tasks.sweep_duplicate_searches", 60.0, _EXPIRES),
        ("sweep-open-items", "invoices.tasks.sweep_open_items", 60.0, _EXPIRES),
        ("reschedule", "communications.tasks.reschedule", 60.0, _EXPIRES),
        ("take-steps", "communications.tasks.take_steps", 60.0, _EXPIRES),
        ("send-due-messages", "communications.tasks.send_due", 20.0, _EXPIRES),
        ("notify-missing-channels", "communications.tasks.notify_missing_channels", 3600.0, 3600),
        ("notify-refusals", "communications.tasks.notify_refusals", 600.0, _EXPIRES),
        ("notify-failed-fetches", "communications.tasks.notify_failed_fetches", 600.0, _EXPIRES),
        ("sweep-webhooks", "webhooks.tasks.deliver_due", 5.0, _EXPIRES),
        ("notify-disabled-webhooks", "webhooks.tasks.notify_admins", 60.0, _EXPIRES),
        ("send-login-mail", "inflow.accounts.tasks.send_login_mail", 20.0, _EXPIRES),
        ("send-notifications", "inflow.notifications.tasks.send_due", 20.0, _EXPIRES),
        ("queue-digests", "inflow.notifications.tasks.queue_digests", 60.0, _EXPIRES),
        ("sweep-files", "inflow.dashboard.tasks.sweep", 20.0, _EXPIRES),
        # Clean-up and checks. Night-time (in UTC) in most places where debtors live.
        ("check-derivation", "invoices.tasks.check_derivation", crontab(hour="1", minute="17"), None),
        ("find-duplicates", "invoices.tasks.find_duplicates", crontab(hour="2", minute="47"), None),
        ("forget-imports", "invoices.tasks.delete_import_files", crontab(hour="2", minute="17"), None),
        ("forget-files", "inflow.dashboard.tasks.forget_old", 3600.0, None),
        ("forget-sessions", "inflow.accounts.tasks.forget_sessions", 3600.0, None),
        ("forget-idempotency-keys", "inflow.api.tasks.forget_idempotency_keys", 3600.0, None),
        ("forget-old-events", "webhooks.tasks.delete_old_events", 3600.0, 3600),
    )
}

# --- Email -------------------------------------------------------------------------------------------------------

# Name in django-anymail of the mail provider whose webhooks report deliveries, bounces, complaints and replies.
MAIL_PROVIDER = env.str("MAIL_PROVIDER", "", validate=validate.Regexp("[a-z_]*$", error="Such as postmark."))
# The provider's inbound mailbox, such as replies@in.example. Replies are sent to replies+…@in.example. Empty: none.
MAIL_REPLY_ADDRESS = env.str("MAIL_REPLY_ADDRESS", "") if MAIL_PROVIDER else ""
ANYMAIL: dict[str, Any] = {}
if MAIL_PROVIDER:
    if find_spec("anymail") is None:
        raise ImproperlyConfigured("MAIL_PROVIDER needs: pip install --require-hashes -r requirements-mail.txt")
    ANYMAIL = {
        "REQUESTS_TIMEOUT": 15,
        "IGNORE_UNSUPPORTED_FEATURES": True,  # for providers without metadata
        **dict(env.json("MAIL_PROVIDER_SETTINGS", {})),
        "WEBHOOK_SECRET": env.str(
            "MAIL_PROVIDER_SECRET", validate=validate.Regexp(r"[^:\s]+:\S{20,}$", error="user:password, of 20 or more.")
        ),
    }
# smtp://user:password@host:587/?tls=True in production, or anymail:// for the provider's API. If it is empty and
# OUTBOX_DIR is set, emails are written to that folder and shown in the dashboard.
OUTBOX_DIR: Path | None = env.path("OUTBOX_DIR", None) if env.str("OUTBOX_DIR", "") else None
_is_email_url = validate.Regexp("(smtp|memory|console|anymail)[a-z+]*://", error="Not an smtp:// address.")
if OUTBOX_DIR and not env.str("EMAIL_URL", ""):
    _email_url = ""
else:
    OUTBOX_DIR, _email_url = None, env.str("EMAIL_URL", validate=_is_email_url)
# Under `make run`, a configured mail server also gets the emails of test accounts, including the demo account.
SENDS_TEST_MAIL = TRY_OUT and bool(_email_url)
if _email_url.startswith("anymail:") and not MAIL_PROVIDER:
    raise ImproperlyConfigured("EMAIL_URL=anymail:// needs MAIL_PROVIDER")
_email = (
    {"EMAIL_BACKEND": f"anymail.backends.{MAIL_PROVIDER}.EmailBackend"}
    if _email_url.startswith("anymail:")
    else dj_email_url.parse(_email_url)
)
EMAIL_BACKEND = "communications.channels.outbox.FolderBackend" if OUTBOX_DIR else _email["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _email.get("EMAIL_HOST", ""), _email.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
GATEWAY_TIMEOUT = 15  # seconds for a request to an SMS or WhatsApp gateway and its response
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")

# --- Webhooks ----------------------------------------------------------------------------------------------------

# Hosts with private addresses to which webhooks are permitted.
WEBHOOK_ALLOWED_HOSTS: list[str] = env.list("WEBHOOK_ALLOWED_HOSTS", [])
WEBHOOK_ALLOWED_PORTS: list[int] = env.list("WEBHOOK_ALLOWED_PORTS", [443], subcast=int)
# Days for which events with their deliveries, and attempts with their responses, are stored. Events can be replayed for
# 14 days.
WEBHOOK_EVENTS_DAYS = env.int("WEBHOOK_EVENTS_DAYS", 30, validate=validate.Range(min=14))
WEBHOOK_ATTEMPTS_DAYS = env.int("WEBHOOK_ATTEMPTS_DAYS", 30, validate=validate.Range(min=1))

# --- Logs --------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR")))
LOGGING = logs.configure(LOG_LEVEL, is_readable=TRY_OUT)

# --- The dashboard -----------------------------------------------------------------------------------------------

LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
FORMAT_MODULE_PATH = "inflow.dashboard.formats"
