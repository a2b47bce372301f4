"""The pages, loaded in this order by Django's autodiscovery: each registers its own with the site."""

from importlib import import_module

for _page in ("people", "webhooks", "integrations", "invoices", "messages"):
    import_module(f"inflow.dashboard.pages.{_page}")
