"""`make audit`: which licences are allowed where, and that an audit that could not look something up says so."""

from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from inflow.tryout.folder import ROOT
from tests import audit


def told(**fields: Any) -> Any:
    """Stand in for what an installed package says of itself."""
    return SimpleNamespace(json=fields)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"license_expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}, {"MPL-2.0", "Apache-2.0", "MIT"}),
        ({"license": "BSD 3-Clause OR Apache-2.0"}, {"BSD-3-Clause", "Apache-2.0"}),
        ({"license": "Copyright (c) 2022", "classifier": ["License :: OSI Approved :: MIT License"]}, {"MIT"}),
        ({"classifier": ["License :: OSI Approved"], "license": "MIT"}, {"MIT"}),
        ({"license_expression": "AGPL-3.0-only"}, {"AGPL-3.0-only"}),
        ({}, {"unknown"}),
    ],
)
def test_a_package_names_its_licences_in_several_ways(
    fields: dict[str, Any], found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "metadata", lambda name: told(**fields))
    assert audit.licences("some-package") == found


def test_every_locked_package_has_a_licence_that_is_allowed_where_it_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(audit.refused_licences()) == []
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in audit.locked(ROOT / "requirements-dev.txt"))


@pytest.mark.parametrize(
    ("licence", "package", "is_refused"),
    [
        ("GPL-3.0-or-later", "celery", True),
        ("GPL-3.0-or-later", "djlint", False),
        ("AGPL-3.0-only", "djlint", True),
        ("unknown", "celery", True),
        ("LGPL-3.0-only", "celery", False),
    ],
)
def test_what_is_installed_in_production_is_no_gpl(
    licence: str, package: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = audit.licences
    monkeypatch.setattr(audit, "licences", lambda name: {licence} if name == package else real(name))
    assert [line.partition(":")[0] for line in audit.refused_licences()] == ([package] if is_refused else [])


def test_without_a_database_of_vulnerabilities_the_audit_says_that_it_did_not_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    assert audit.vulnerabilities(ROOT / "requirements-dev.txt") is None
    monkeypatch.setattr(audit, "faults_in_code", str)
    monkeypatch.setattr(audit, "vulnerabilities", lambda lock: None)
    assert audit.main(is_offline=False) == 0
    assert "NOT LOOKED UP" in capsys.readouterr().out.splitlines()[-1]


def test_what_is_found_fails_the_audit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(audit, "faults_in_code", lambda: "Issue: something")
    assert audit.main(is_offline=True) == 1
    monkeypatch.setattr(audit, "faults_in_code", str)
    monkeypatch.setattr(audit, "vulnerabilities", lambda lock: ["django 1.0: CVE-1, mended in 1.1"])
    assert audit.main(is_offline=False) == 1
    assert "FOUND django 1.0: CVE-1" in capsys.readouterr().out
