"""`make audit`: licences of all that is locked, bandit over our own code, known vulnerabilities of what is locked.

`--offline` leaves the vulnerabilities out, which need a database on the network. Exit status 1: something was found.
Where no database can be had the rest still counts, and the last line says that vulnerabilities were not looked up.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of what is installed in production. Weak copyleft is fine for packages that are imported as they are.
PERMISSIVE = {
    *("MIT", "MIT-0", "MIT-CMU", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unlicense"),
    *("Apache-2.0", "PSF-2.0", "CNRI-Python", "CC0-1.0", "CC-BY-4.0", "PostgreSQL"),
}
WEAK_COPYLEFT = {"MPL-1.1", "MPL-2.0", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later"}
# Of programs that are run while developing and are no part of what is installed.
OF_TOOLS = {"GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"}
# Of several licences to choose from, ours.
CHOSEN = {"pyphen": "LGPL-2.1-or-later"}
_SPELLINGS = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "New BSD": "BSD-3-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
}
_LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)( ; )?", re.MULTILINE)
# Ruff holds these line by line (S101, S308, S608), and each exception says why.
_HELD_BY_RUFF = "B101,B308,B608,B703"


def locked(lock: Path) -> dict[str, bool]:
    """Return the packages of a lock, and whether each is for some platforms only."""
    return {match[1]: bool(match[3]) for match in _LOCKED.finditer(lock.read_text())}


def licences(package: str) -> set[str]:
    """Return every licence that the installed package names, by its SPDX name."""
    if package in CHOSEN:
        return {CHOSEN[package]}
    told = metadata.metadata(package).json
    if expression := told.get("license_expression"):
        return _terms(str(expression))
    classifiers = [line.split(" :: ")[-1] for line in told.get("classifier", []) if line.startswith("License ::")]
    named = {_SPELLINGS.get(name, name) for name in classifiers if name != "OSI Approved"}
    return named or _terms(str(told.get("license") or "").strip().partition("\n")[0]) or {"unknown"}


def _terms(expression: str) -> set[str]:
    terms = (term.strip("() ") for term in re.split(r"\b(?:AND|OR|WITH)\b", expression))
    return {_SPELLINGS.get(term, term) for term in terms if term}


def refused_licences() -> Iterator[str]:
    """Print each locked package with its licences; yield what the rules don't allow."""
    tools = ROOT / "requirements-dev.txt"
    production = {name for lock in ROOT.glob("requirements*.txt") if lock != tools for name in locked(lock)}
    for name, is_for_some_platforms in sorted(locked(tools).items()):
        try:
            found = licences(name)
        except metadata.PackageNotFoundError:
            said = "for other platforms" if is_for_some_platforms else "NOT INSTALLED: make test"
            print(f"  {name:30} {said}")  # noqa: T201
            if not is_for_some_platforms:
                yield f"{name} is not installed"
            continue
        print(f"  {name:30} {', '.join(sorted(found))}")  # noqa: T201
        allowed = PERMISSIVE | WEAK_COPYLEFT | (set() if name in production else OF_TOOLS)
        if not found <= allowed:
            yield f"{name}: {', '.join(sorted(found - allowed))} is not among the licences that tests/audit.py allows"


def faults_in_code() -> str:
    """Return what bandit finds, of medium severity or more; nothing: it found nothing."""
    bandit = [sys.executable, "-m", "bandit", "-q", "-ll", "-s", _HELD_BY_RUFF, "-r", "manage.py"]
    ended = subprocess.run(
        [*bandit, "inflow", "invoices", "communications", "webhooks"], cwd=ROOT, capture_output=True, text=True
    )
    return ended.stdout + ended.stderr if ended.returncode else ""


def vulnerabilities(lock: Path) -> list[str] | None:
    """Return the known vulnerabilities of a lock's packages. None where no database answers."""
    for service in ("pypi", "osv"):
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(lock)),
                *("--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"),
                *("--timeout", "15"),
            ],
            capture_output=True,
            text=True,
        )
        try:
            packages = json.loads(ended.stdout)["dependencies"]
        except ValueError:
            continue  # it ended by the error of its connection
        return [
            f"{each['name']} {each['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
            for each in packages
            for fault in each.get("vulns", [])
        ]
    return None


def main(is_offline: bool) -> int:
    print("Licences of the locked packages:")  # noqa: T201
    found = list(refused_licences())
    print("Bandit over our own code …")  # noqa: T201
    if faults := faults_in_code():
        found.append(faults)
    if is_offline:
        last = "Known vulnerabilities: not looked up (--offline)."
    else:
        print("Known vulnerabilities of the locked packages …")  # noqa: T201
        known = vulnerabilities(ROOT / "requirements-dev.txt")
        found += known or []
        last = "Known vulnerabilities: none."
        if known:
            last = f"Known vulnerabilities: {len(known)}."
        elif known is None:
            last = "Known vulnerabilities: NOT LOOKED UP, because no database could be reached from this machine."
    for fault in found:
        print(f"FOUND {fault}")  # noqa: T201
    print(last)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main("--offline" in sys.argv))
