from django.apps import AppConfig, apps

from inflow import labels


class DashboardConfig(AppConfig):
    name = "inflow.dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        from inflow.dashboard.exports import declare_all

        declare_all()
        labels.translate(apps.get_app_config(name) for name in labels.OURS)
