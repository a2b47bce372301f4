from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "inflow.dashboard"
    verbose_name = "Dashboard"
