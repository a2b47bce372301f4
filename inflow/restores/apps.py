from django.apps import AppConfig


class RestoresConfig(AppConfig):
    name = "inflow.restores"
    verbose_name = "Restores"
