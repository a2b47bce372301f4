from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "inflow.api"
    verbose_name = "API"
