"""Every setting, read once from the environment, top to bottom. `.env.example` names each variable.

A variable that is missing or broken raises `environs.EnvError`; `manage.py` and `make run` print it as one line.
"""

import datetime as dt
import ipaddress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dj_email_url
import structlog
from celery.schedules import crontab
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from environs import Env, EnvError, validate

from inflow import masking

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()


def _fernet_key(text: str) -> str:
    try:
        Fernet(text)
    except ValueError as error:
        raise EnvError(
            'Environment variable "FIELD_KEYS" invalid: a Fernet key is 32 bytes in url-safe base64'
        ) from error
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise EnvError(f'Environment variable "TRUSTED_PROXIES" invalid: {error}') from error
    return text.strip()


# --- What this process is ----------------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY", validate=validate.Length(min=50))
# Keys of the secrets at rest (webhook secrets, idempotent answers): the first encrypts, each decrypts. Rotate by
# putting a new one in front.
FIELD_KEYS: list[str] = env.list("FIELD_KEYS", subcast=_fernet_key, validate=validate.Length(min=1))
# `make run` sets it. Only then may webhooks and gateways be on loopback, on any port, over plain http.
TRY_OUT = env.bool("TRY_OUT", False)
DEBUG = env.bool("DEBUG", False)
BASE_URL = env.str("BASE_URL").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
# Addresses or networks of the proxies in front of us, whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [], subcast=_network)

# Threads of a web process for the API, and as many for the pages: each keeps a connection to PostgreSQL.
WEB_THREADS = env.int("WEB_THREADS", 4, validate=validate.Range(min=1))

# --- PostgreSQL, Valkey ------------------------------------------------------------------------------------------

DATABASES: dict[str, Any] = {"default": env.dj_db_url("DATABASE_URL", conn_max_age=600)}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database: postgres://user:password@host:5432/name")
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A server that cannot be reached is given up, also by who waits for its answer: after 30 s of silence on the wire.
# Of one that is frozen the wire still answers; see docs/operations.md. Milliseconds, seconds, seconds, probes.
_wire = {"tcp_user_timeout": 30_000, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
DATABASES["default"]["OPTIONS"] = {"connect_timeout": 5, **_wire, **DATABASES["default"].get("OPTIONS", {})}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", validate=validate.Regexp("(redis|rediss|unix)://", error="Not a redis:// address."))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "inflow",
        "VERSION": 2,  # values of the first version are pickled
        "OPTIONS": {
            "serializer": "inflow.caching.JSONSerializer",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 0.5,
        },
    }
}

# A folder that outlives a restore of the database: the mark of what was sent is written there too (inflow/restores).
_data = env.str("INFLOW_DATA", "")
INFLOW_DATA: Path | None = BASE_DIR / _data if _data else None

# --- Django ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "inflow.dashboard.apps.AdminConfig",
    "inflow.accounts",  # before Django's, of which it replaces a command
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
]
MIDDLEWARE = [
    "inflow.api.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # From here on none is for the API, which goes past them all in one step.
    "inflow.api.middleware.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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
# A key sent in clear is answered with an error, never with a redirect.
SECURE_REDIRECT_EXEMPT = [r"^api/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "inflow.dashboard.core.refusals.untrusted_form"
X_FRAME_OPTIONS = "DENY"
# Of axes no middleware is needed: the log-in page itself shows the lock.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Of each page. The dashboard's is loosened where its parts ask for it: inflow/dashboard/middleware.py.
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
FILE_UPLOAD_HANDLERS = [
    "inflow.dashboard.core.uploads.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Logging in: django-axes counts guesses in PostgreSQL, inflow/dashboard/core/attempts.py limits them -----------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_HANDLER = "inflow.dashboard.core.attempts.Attempts"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username", "ip_address"]
AXES_FAILURE_LIMIT = 1  # of the limits reached
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "inflow.dashboard.core.attempts.email_of"
AXES_CLIENT_IP_CALLABLE = "inflow.dashboard.core.attempts.network_of"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
SESSION_ENGINE = "inflow.accounts.sessions"
# A log-in ends after so many hours without a page, and after so many days in any case.
SESSION_COOKIE_AGE = 3600 * env.int("SESSION_IDLE_HOURS", 12, validate=validate.Range(min=1))
SESSION_DAYS = env.int("SESSION_DAYS", 7, validate=validate.Range(min=1))
PASSWORD_RESET_TIMEOUT = 3600  # of the link that is mailed to who forgot a password
# Whether platform staff must log in in two steps. Of an account's admins the account itself says so.
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
    "DESCRIPTION": "Register invoices, follow how they are collected, and hear of it by signed webhooks.",
    "VERSION": "2026-03-01",
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": "/"}],
    "COMPONENT_SPLIT_PATCH": False,
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "InvoiceStatus": "invoices.models.Status",
        "PaymentStatus": "invoices.models.PaymentStatus",
        "ReceiptStatus": "invoices.models.ReceiptStatus",
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

# --- Celery: the rows are the truth, the broker a wake-up ----------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "clock"
CELERY_TASK_ROUTES = {
    "webhooks.tasks.*": {"queue": "webhooks"},
    "webhooks.tasks.tell_admins": {"queue": "communications"},  # mail
    "inflow.accounts.tasks.send_login_mail": {"queue": "communications"},
    "communications.tasks.*": {"queue": "communications"},
    # What reads or writes whole files, or computes for seconds, a turn at a time: it delays no message and no webhook.
    "invoices.tasks.work_on_import": {"queue": "files"},
    "inflow.dashboard.tasks.*": {"queue": "files"},
    # A forecast can't be cut into turns: the files of others don't wait for it.
    "inflow.dashboard.tasks.compute_forecast": {"queue": "forecasts"},
}
CELERY_TASK_PUBLISH_RETRY = False
# Without acknowledgements: a lost wake-up is no loss, and a worker that has some open when the broker dies would give
# them back to a connection that is gone, and end (kombu 5.7: AttributeError in restore_unacked).
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 5, "ack_emulation": False}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 1000  # else each task opens a connection: 172 instead of 460 tasks a second
# Seconds after which a task is dropped, so that not too many wait while no worker runs. `beat` reckons by its own
# clock: with 20 seconds, one that was 25 behind had every message dropped.
_EXPIRES = 600
CELERY_BEAT_SCHEDULE = {
    "forget-idempotency-keys": {"task": "inflow.api.tasks.forget_idempotency_keys", "schedule": 3600.0},
    "age-invoices": {"task": "invoices.tasks.age_invoices", "schedule": 60.0, "options": {"expires": _EXPIRES}},
    "sweep-imports": {"task": "invoices.tasks.sweep_imports", "schedule": 20.0, "options": {"expires": _EXPIRES}},
    "sweep-files": {"task": "inflow.dashboard.tasks.sweep", "schedule": 20.0, "options": {"expires": _EXPIRES}},
    "forget-files": {"task": "inflow.dashboard.tasks.forget_old", "schedule": 3600.0},
    "forget-imports": {"task": "invoices.tasks.forget_imports", "schedule": crontab(hour="2", minute="17")},
    "reschedule": {"task": "communications.tasks.reschedule", "schedule": 60.0, "options": {"expires": _EXPIRES}},
    "take-steps": {"task": "communications.tasks.take_steps", "schedule": 60.0, "options": {"expires": _EXPIRES}},
    "send-due-messages": {
        "task": "communications.tasks.send_due",
        "schedule": 20.0,
        "options": {"expires": _EXPIRES},
    },
    # At night in most places where debtors live; by UTC.
    "check-derivation": {"task": "invoices.tasks.check_derivation", "schedule": crontab(hour="1", minute="17")},
    "tell-of-missing-channels": {
        "task": "communications.tasks.notify_missing_channels",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "tell-of-refusals": {
        "task": "communications.tasks.notify_refusals",
        "schedule": 600.0,
        "options": {"expires": _EXPIRES},
    },
    "forget-sessions": {"task": "inflow.accounts.tasks.forget_sessions", "schedule": 3600.0},
    "send-login-mail": {
        "task": "inflow.accounts.tasks.send_login_mail",
        "schedule": 20.0,
        "options": {"expires": _EXPIRES},
    },
    "sweep-webhooks": {"task": "webhooks.tasks.deliver_due", "schedule": 5.0, "options": {"expires": _EXPIRES}},
    "tell-of-disabled-webhooks": {
        "task": "webhooks.tasks.tell_admins",
        "schedule": 60.0,
        "options": {"expires": _EXPIRES},
    },
    "forget-old-events": {"task": "webhooks.tasks.forget_old", "schedule": 3600.0, "options": {"expires": 3600}},
}

# --- Email -------------------------------------------------------------------------------------------------------

# A mail provider whose webhooks tell of deliveries, bounces, complaints and answers: its name in django-anymail.
MAIL_PROVIDER = env.str("MAIL_PROVIDER", "", validate=validate.Regexp("[a-z_]*$", error="Such as postmark."))
# replies@in.example, a mailbox of the provider's inbound: answers come to replies+…@in.example. Empty: they don't.
MAIL_REPLY_ADDRESS = env.str("MAIL_REPLY_ADDRESS", "") if MAIL_PROVIDER else ""
ANYMAIL: dict[str, Any] = {}
if MAIL_PROVIDER:
    if find_spec("anymail") is None:
        raise ImproperlyConfigured("MAIL_PROVIDER needs: pip install --require-hashes -r requirements-mail.txt")
    ANYMAIL = {
        "REQUESTS_TIMEOUT": 15,
        "IGNORE_UNSUPPORTED_FEATURES": True,  # of a provider that keeps no metadata
        **dict(env.json("MAIL_PROVIDER_SETTINGS", {})),
        "WEBHOOK_SECRET": env.str(
            "MAIL_PROVIDER_SECRET", validate=validate.Regexp(r"[^:\s]+:\S{20,}$", error="user:password, of 20 or more.")
        ),
    }
# smtp://user:password@host:587/?tls=True in production, or anymail:// for the provider's API. Without it, where
# OUTBOX_DIR is set, mail is written into that folder and the dashboard shows it.
OUTBOX_DIR: Path | None = env.path("OUTBOX_DIR", None) if env.str("OUTBOX_DIR", "") else None
_is_email_url = validate.Regexp("(smtp|memory|console|anymail)[a-z+]*://", error="Not an smtp:// address.")
if OUTBOX_DIR and not env.str("EMAIL_URL", ""):
    _email_url = ""
else:
    OUTBOX_DIR, _email_url = None, env.str("EMAIL_URL", validate=_is_email_url)
# While trying out, a mail server that is named gets the mail of test accounts too, the demo account among them.
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
GATEWAY_TIMEOUT = 15  # of SMS and WhatsApp, for request and answer together, by the clock on the wall
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")

# --- Webhooks ----------------------------------------------------------------------------------------------------

# Hosts that self-hosters let webhooks reach although their address is private.
WEBHOOK_ALLOWED_HOSTS: list[str] = env.list("WEBHOOK_ALLOWED_HOSTS", [])
WEBHOOK_ALLOWED_PORTS: list[int] = env.list("WEBHOOK_ALLOWED_PORTS", [443], subcast=int)
# Days that events with their deliveries are kept, and the attempts with the answers that came. Events can be sent
# again for 14 days.
WEBHOOK_EVENTS_DAYS = env.int("WEBHOOK_EVENTS_DAYS", 30, validate=validate.Range(min=14))
WEBHOOK_ATTEMPTS_DAYS = env.int("WEBHOOK_ATTEMPTS_DAYS", 30, validate=validate.Range(min=1))

# --- Logs: one JSON line an event, to stdout; keys and secrets are never bound ---------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(("DEBUG", "INFO", "WARNING", "ERROR")))
_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
]
structlog.configure(
    processors=[*_shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.dev.ConsoleRenderer(colors=False)
                if TRY_OUT
                else structlog.processors.JSONRenderer(ensure_ascii=False),
                masking.mask_log_line,
            ],
        }
    },
    "filters": {
        "links": {"()": "communications.portal.logs.HideLinks"},
        "paths": {"()": "inflow.masking.HidePaths"},
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["links", "paths"]}},
    "root": {"handlers": ["stdout"], "level": LOG_LEVEL},
    "loggers": {
        "axes": {"level": "WARNING"},
        "django.server": {"handlers": [], "propagate": True},
        "flufl.bounce": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

# --- The dashboard -----------------------------------------------------------------------------------------------

LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
FORMAT_MODULE_PATH = "inflow.dashboard.formats"
UNFOLD = {
    "SITE_TITLE": "InFlow",
    "SITE_HEADER": "InFlow",
    "SITE_SYMBOL": "payments",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("dashboard/favicon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    # Teal.
    "COLORS": {
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#115e59",
            "800": "#134e4a",
            "900": "#123f3c",
            "950": "#042f2e",
        },
    },
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {
        "action": lambda request: str(reverse_lazy("language")),
        "navigation": "inflow.dashboard.language.choices",
    },
    "STYLES": [
        lambda request: static("dashboard/inflow.css"),
        lambda request: static("dashboard/security.css"),
        lambda request: static("dashboard/rtl.css"),
    ],
    "ENVIRONMENT": "inflow.dashboard.navigation.environment",
    "DASHBOARD_CALLBACK": "inflow.dashboard.pages.home.home",
    "SIDEBAR": {"show_search": False, "navigation": "inflow.dashboard.navigation.sidebar"},
    "TABS": "inflow.dashboard.navigation.tabs",
}
