from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "inflow.accounts"
    verbose_name = "Accounts"
