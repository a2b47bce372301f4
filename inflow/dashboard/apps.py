from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "inflow.dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        from inflow.dashboard.exports import declare_all

        declare_all()
