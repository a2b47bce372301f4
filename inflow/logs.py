"""Configuration of the logs: one line of JSON per event on standard output. Keys and secrets are masked."""

from typing import Any

import structlog

from inflow.masking import mask_log_line

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
]


def configure(level: str, *, is_readable: bool) -> dict[str, Any]:
    """Configure structlog and return the LOGGING setting. If `is_readable`, lines are plain text instead of JSON."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.dev.ConsoleRenderer(colors=False)
                    if is_readable
                    else structlog.processors.JSONRenderer(ensure_ascii=False),
                    mask_log_line,
                ],
            }
        },
        "filters": {"secrets": {"()": "inflow.masking.HideSecrets"}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["secrets"]}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            "django.server": {"handlers": [], "propagate": True},
            "flufl.bounce": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
