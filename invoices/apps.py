from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _lazy


class InvoicesConfig(AppConfig):
    name = "invoices"
    verbose_name = _lazy("Invoices")

    def ready(self) -> None:
        from invoices import automatic_credit  # noqa: F401, connects its receivers
        from invoices.bank import receivers  # noqa: F401  (connects them)
        from invoices.seeding import seed

        post_migrate.connect(seed, sender=self)
