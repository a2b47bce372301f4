from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "inflow.notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        from inflow.notifications import receivers  # noqa: F401  (connects them)
