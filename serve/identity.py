"""Who asks: by API key where there are keys, else by a random cookie.

Keys are compared in constant time, by their digests (`keys`). A cookie names nobody: it keeps one
browser's jobs apart from another's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from serve.problems import Problem, Refused

__all__ = ["COOKIE", "Callers", "owner_of"]

COOKIE = "lumbar_caller"
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Beside the page's scripts and styles, which hold nothing of anybody."""


class Callers:
    """Tells callers apart; `keys` are SHA-256 digests by name, none at all means cookies."""

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        self._keys = dict(keys or {})

    @property
    def keyed(self) -> bool:
        """Whether a key is needed."""
        return bool(self._keys)

    def admit(self, request: Request) -> None:
        """Note in `request.state` who asks; raises Refused (401) where a key is needed."""
        if self._keys:
            name = self._name(_told_key(request))
            if name is None and not _is_open(request.url.path):
                raise Refused(_who_are_you())
            request.state.owner, request.state.caller = f"key:{name}", name or "-"
            return
        told = request.cookies.get(COOKIE, "")
        digest = hashlib.sha256(told.encode()).hexdigest() if _is_token(told) else ""
        request.state.owner = f"cookie:{digest}" if digest else ""
        request.state.caller = digest[:8] or "-"

    def _name(self, key: str) -> str | None:
        digest = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for name, kept in self._keys.items():  # all of them, whichever it is
            if hmac.compare_digest(kept, digest):
                found = name
        return found


def owner_of(request: Request, response: Response | None = None) -> str:
    """Whose jobs a request is about, "" for a stranger, who gets a cookie with `response`."""
    owner: str = request.state.owner
    if owner or response is None:
        return owner
    token = secrets.token_urlsafe(24)
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    request.state.owner = f"cookie:{hashlib.sha256(token.encode()).hexdigest()}"
    return str(request.state.owner)


def _told_key(request: Request) -> str:
    """The key of `Authorization: Bearer`, of Basic's password, or of `X-API-Key`; else ""."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return request.headers.get("x-api-key", "")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith("/page/")


def _is_token(text: str) -> bool:
    return len(text) == 32 and re.fullmatch(r"[A-Za-z0-9_-]+", text) is not None


def _who_are_you() -> Problem:
    detail = "this server answers to those who have a key"
    hint = (
        "send it as `Authorization: Bearer <key>`; a browser asks for it at the address of the page"
    )
    return Problem.of("no-key", 401, "A key is needed", detail, hint)
