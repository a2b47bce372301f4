from django.apps import AppConfig


class RestoresConfig(AppConfig):
    name = "inflow.restores"
    verbose_name = "Restores"

    def ready(self) -> None:
        from inflow.restores import checks  # noqa: F401  # registers it
