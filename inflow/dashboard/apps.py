from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks

from inflow import labels


class DashboardConfig(AppConfig):
    default = True
    name = "inflow.dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        labels.translate(apps.get_app_config(name) for name in labels.OURS)


class AdminConfig(SimpleAdminConfig):
    """Leaves loading the pages to urls.py: a process that serves none, such as a worker, starts a quarter faster."""

    default = False
    default_site = "inflow.dashboard.site.Site"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(app_configs: Any, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    admin.autodiscover()
    return check_admin_app(app_configs, **kwargs)
