"""Code that is there to try InFlow out stays out of production."""

import os
import subprocess
import sys

from inflow.tryout.folder import ROOT
from tests import environment

TRYING_OUT = ("inflow.tryout", "inflow.dashboard.demo")
# All modules but these and the commands: `seed_demo` and `play_demo` refuse to work in production.
LOAD_ALL = f"""
import importlib, pathlib, sys
import django
django.setup()
import inflow.asgi, inflow.urls, inflow.wsgi
for room in ("inflow", "invoices", "communications", "webhooks"):
    for path in sorted(pathlib.Path(room).rglob("[!_]*.py")):
        name = ".".join(path.with_suffix("").parts)
        if not name.startswith({TRYING_OUT}) and "management" not in path.parts and "migrations" not in path.parts:
            importlib.import_module(name)
print(*sys.modules)
"""


def test_production_never_imports_what_is_for_trying_out() -> None:
    environ = {name: value for name, value in os.environ.items() if name not in environment.NAMES}
    environ |= environment.production() | {"DJANGO_SETTINGS_MODULE": "inflow.settings"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALL], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert {"inflow.asgi", "inflow.dashboard.pages.home", "communications.tasks", "webhooks.tasks"} <= set(loaded)
    assert [name for name in loaded if name.startswith(TRYING_OUT)] == []
