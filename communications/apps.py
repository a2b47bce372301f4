from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _lazy


class CommunicationsConfig(AppConfig):
    name = "communications"
    verbose_name = _lazy("Messages")

    def ready(self) -> None:
        from communications import narrative, receivers  # noqa: F401  (connects and registers them)
