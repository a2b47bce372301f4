"""What holds for the repository as a whole."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TypeGuard

import django.contrib.admin
import pytest
import unfold
import yaml
from packaging.requirements import Requirement

from inflow.tryout.__main__ import commands
from inflow.tryout.folder import ROOT
from tests import environment

LOCKS = [
    "requirements.txt",
    "requirements-pdf.txt",
    "requirements-mail.txt",
    "requirements-embedded.txt",
    "requirements-dev.txt",
]
INDEX = re.compile(r"--(extra-)?index-url|--find-links|\[\[?tool\.uv|\"resolved\"|^registry", re.MULTILINE)
LOCKED = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def locked(lock: str) -> dict[str, str]:
    return {match["name"]: match["version"] for match in LOCKED.finditer((ROOT / lock).read_text())}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_names_exact_versions_and_hashes_only(lock: str) -> None:
    assert LOCKED.sub("", (ROOT / lock).read_text()) == ""
    assert len(locked(lock)) > 20


def test_the_locks_agree() -> None:
    production, *extras, dev = map(locked, LOCKS)
    for extra in extras:
        assert production.items() <= extra.items() <= dev.items()


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = ("pdf", "anymail", "embedded")
    asked = project["dependencies"], *(extras[name] for name in names), extras["dev"] + extras["bench"]
    for lock, lines in zip(LOCKS, asked, strict=True):
        versions = locked(lock)
        for requirement in map(Requirement, lines):
            assert requirement.name in versions, f"{requirement.name} is not in {lock}: make lock"
            assert requirement.specifier.contains(versions[requirement.name]), f"{requirement} in {lock}: make lock"


def test_no_committed_file_names_a_package_index() -> None:
    files = [*ROOT.glob("requirements*.txt"), ROOT / "pyproject.toml"]
    for folder in ("integrations", "tests/browser"):
        files += [*ROOT.glob(f"{folder}/**/.npmrc")]
        files += [path for path in ROOT.glob(f"{folder}/**/package-lock.json") if "node_modules" not in path.parts]
    for path in files:
        text = path.read_text()
        assert not re.search(r"--(extra-)?index-url|--find-links|\[\[?tool\.uv|\"resolved\"|^registry", text, re.M), (
            path
        )
        assert "http" not in text or path.suffix in (".toml", ".json"), path


# Of each file: our package's name with an extra, or after a command that installs packages.
FROM_AN_INDEX = re.compile(
    r"\binflow\[[a-z]|^inflow *(?:[=<>~!@;]=?|$)"
    r"|\b(?:pip3?|pipx|uvx|uv|poetry|pdm|conda|rye)\b[^\n|&]*\b(?:install|add|run|download|wheel|compile|sync)\b"
    r"[^\n|&]* [\"']?inflow(?![\w./:-])",
    re.MULTILINE,
)


@pytest.mark.parametrize(
    "text",
    [
        "pip install inflow",
        "pip install 'inflow[pdf]'",
        "`inflow[anymail]`",
        "python -m pip install --upgrade inflow==1.0",
        "uv pip install inflow",
        "uv add inflow",
        "inflow==0.1.0",
        "inflow",
    ],
)
def test_a_line_that_takes_our_package_from_an_index_is_found(text: str) -> None:
    assert FROM_AN_INDEX.search(text)


@pytest.mark.parametrize("text", ["pip install -r requirements.txt", "docker network inspect inflow_default"])
def test_a_line_that_does_not_is_not_found(text: str) -> None:
    assert not FROM_AN_INDEX.search(text)


def test_nothing_takes_our_package_from_an_index() -> None:
    """The name is a stranger's there. The catalogues hold what the code says, and change with it."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in tracked.stdout.split("\0") if name and not name.startswith("locale/")]
    assert len(files) > 500
    for path in files:
        if path == Path(__file__) or not path.is_file():
            continue
        text = path.read_bytes().decode(errors="replace")
        found = FROM_AN_INDEX.search(text)
        assert not found, f"{path}: {found[0]}"


def test_migrations_have_names_from_which_django_counts_on() -> None:
    """Django numbers the next migration from the last name. 0001_squashed_0023_… is followed by 0024."""
    names = [path.stem for path in ROOT.glob("**/migrations/[0-9]*.py") if ".venv" not in path.parts]
    assert names
    assert [name for name in names if not re.match(r"\d{4}_(squashed_\d{4}_|(?!squashed_))", name)] == []


def test_env_example_names_exactly_what_settings_read() -> None:
    calls = [node for node in ast.walk(ast.parse(Path(ROOT / "inflow/settings.py").read_text())) if is_read(node)]
    names = {ast.literal_eval(call.args[0]) for call in calls}
    assert len(names) > 10
    assert set(environment.NAMES) == names
    assert len(environment.NAMES) == len(names), "a variable is named twice"


def is_read(node: ast.AST) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
    )


ASK = """
import json, django
from django.conf import settings
from django.core.management import call_command
django.setup()
call_command("check", deploy=True, fail_level="WARNING")
names = json.loads(input())
print(json.dumps({name: getattr(settings, name) for name in names}))
"""
SAFE = {
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_SECURE": True,
    "CSRF_COOKIE_SAMESITE": "Lax",
    "CSRF_COOKIE_HTTPONLY": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_CONTENT_TYPE_NOSNIFF": True,
    "SECURE_REFERRER_POLICY": "same-origin",
    "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
    "X_FRAME_OPTIONS": "DENY",
    "STAFF_TWO_STEPS": True,
    "DEBUG": False,
}


def test_production_is_safe_by_its_settings_and_by_djangos_own_check() -> None:
    variables = os.environ | environment.production() | {"DJANGO_SETTINGS_MODULE": "inflow.settings"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(list(SAFE)),
        capture_output=True,
        text=True,
        env=variables,
        cwd=ROOT,
    )
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout.splitlines()[-1]) == SAFE
    assert "no issues" in asked.stdout + asked.stderr


def processes() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


def test_compose_has_a_container_for_each_process() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    commands = {name: service["command"] for name, service in services.items() if name not in ("postgres", "valkey")}
    assert commands == {name: name for name in processes()}


def test_composes_valkey_has_a_password_that_is_no_argument() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert "requirepass $$VALKEY_PASSWORD" in services["valkey"]["command"][-1]
    assert services["web"]["environment"]["REDIS_URL"].startswith("redis://:${VALKEY_PASSWORD:?")


def test_no_script_of_ours_or_of_the_admin_reads_cookies() -> None:
    """The one that holds the CSRF token is HttpOnly: forms carry the token themselves."""
    scripts = [path for path in _scripts() if "swagger" not in path.name]
    assert len(scripts) > 10
    for path in scripts:
        text = path.read_text(errors="replace")
        assert "csrftoken" not in text, path
        assert "document.cookie" not in text, path


def _scripts() -> list[Path]:
    packages = [Path(module.__file__ or "").parent for module in (unfold, django.contrib.admin)]
    ours = [ROOT / name for name in ("inflow", "communications", "templates")]
    return [path for folder in (*packages, *ours) for path in folder.rglob("*.js")]


def started(process: str, stand_ins: Path) -> "subprocess.CompletedProcess[bytes]":
    """As in a container; which programs are started, and with what, is told by programs of the same names."""
    for program in ("python", "granian", "celery"):
        (stand_ins / program).write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n')
        (stand_ins / program).chmod(0o755)
    entry = re.search(r"^ENTRYPOINT (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert entry
    environment = {"PATH": f"{stand_ins}:{os.environ['PATH']}", "PORT": "8001"}
    return subprocess.run([*json.loads(entry[1]), process], cwd=ROOT, env=environment, capture_output=True)


def test_make_run_starts_the_processes_of_the_procfile_on_loopback_alone() -> None:
    ours, lines = commands(), processes()
    assert ours.keys() == lines.keys() - {"release"} | {"demo"}
    assert ours["web"] == f"{lines['web']} --host 127.0.0.1 --log-level warning"
    assert ours["beat"] == lines["beat"].replace("celery ", "celery --quiet ")


@pytest.mark.parametrize("process", processes())
def test_a_container_runs_the_line_of_its_process(process: str, tmp_path: Path) -> None:
    line = processes()[process].replace("${PORT:-8000}", "8001").replace("${WEB_CONCURRENCY:-2}", "2")
    assert started(process, tmp_path).stdout.decode().splitlines() == line.split(" ")


def test_a_container_of_no_process_says_so(tmp_path: Path) -> None:
    ended = started("wokers", tmp_path)
    assert ended.returncode != 0
    assert b"no process of the Procfile: wokers" in ended.stderr


def test_the_image_has_what_the_processes_read() -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    locks = {"requirements.txt", "requirements-mail.txt", "requirements-pdf.txt"}
    assert taken == {*packages, *locks, "Procfile", "manage.py", "templates", "locale"}
