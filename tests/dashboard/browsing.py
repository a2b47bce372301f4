"""The limits that a page sets its browser: what it may load, and from where."""

import re
from typing import Any

OUTSIDE = re.compile(r"""(?:src|href|action|data)\s*=\s*["']?(?:https?:)?//[^"'\s>]*|url\(["']?(?:https?:)?//[^)]*""")


def policy(response: Any) -> dict[str, str]:
    parts = (part.partition(" ") for part in response["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


def loads_from_here_only(address: str, response: Any) -> None:
    """Assert that a page names no other host, has no script inside it, and carries the policy of its place."""
    html = response.content.decode()
    assert not OUTSIDE.findall(html), address
    assert not [tag for tag in re.findall(r"<script[^>]*>", html) if "src=" not in tag and "json" not in tag], address
    assert not re.findall(r"""<[^>]*\son[a-z]+=["'][^>]*>|href=["']javascript:""", html), address
    allowed = policy(response)
    assert allowed["default-src"] == "'none'"
    assert allowed["frame-ancestors"] == allowed["base-uri"] == allowed["object-src"] == "'none'"
    assert allowed["form-action"] == "'self'"
    headers = [response[name] for name in ("X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy")]
    assert headers == ["DENY", "same-origin", "same-origin"], address
    is_loose = address.startswith("/admin/")
    assert allowed["script-src"] == ("'self' 'unsafe-eval'" if is_loose else "'self'"), address
    assert allowed["style-src"] == ("'self' 'unsafe-inline'" if is_loose else "'self'"), address
