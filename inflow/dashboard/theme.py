"""Settings of django-unfold: the look and the navigation of the dashboard."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "InFlow",
    "SITE_HEADER": "InFlow",
    "SITE_SYMBOL": "payments",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("dashboard/favicon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {  # teal
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#115e59",
            "800": "#134e4a",
            "900": "#123f3c",
            "950": "#042f2e",
        },
    },
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {
        "action": lambda request: str(reverse_lazy("language")),
        "navigation": "inflow.dashboard.language.choices",
    },
    "STYLES": [
        lambda request: static("dashboard/inflow.css"),
        lambda request: static("dashboard/security.css"),
        lambda request: static("dashboard/rtl.css"),
    ],
    "ENVIRONMENT": "inflow.dashboard.navigation.environment",
    "DASHBOARD_CALLBACK": "inflow.dashboard.pages.home.home",
    "SIDEBAR": {"show_search": False, "navigation": "inflow.dashboard.navigation.sidebar"},
    "TABS": "inflow.dashboard.navigation.tabs",
}
