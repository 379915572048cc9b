"""What every request passes: whose name it calls, who asks, what its answer forbids a browser.

A plain ASGI layer, so that it also sees what no route answers. It writes the audit line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.identity import Callers
from serve.logs import audit, unexpected
from serve.problems import Problem, Refused, problem_response, too_large
from serve.settings import Limits, is_local

__all__ = ["CONTENT_POLICY", "Guard"]

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ASK_FOR_KEY = 'Basic realm="lumbar: any name, and the key as password", charset="UTF-8"'
"""Browsers ask for Basic alone; what they are told at the page they send to all below it."""
UPLOADS = ("/api/v1/jobs", "/api/v1/grade", "/api/v1/dicomweb/")
"""Paths whose routes count and time their bodies themselves."""
MOST_BYTES = 64 * 2**10
"""Of any other body: a remark on a finding has less than one KiB."""


class Guard:
    """The layer around the application."""

    def __init__(self, app: ASGIApp, callers: Callers, limits: Limits) -> None:
        self._app, self._callers, self._limits = app, callers, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it before it reaches a route."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        answer = _Answer(send)
        try:
            self._admit(scope)
            heard = await self._whole_body(scope, receive)
            await self._app(scope, heard, answer.send)
        except Refused as refusal:
            response = problem_response(refusal.problem)
            if refusal.problem.status == 401 and scope["path"] == "/":
                response.headers["WWW-Authenticate"] = ASK_FOR_KEY
            await response(scope, receive, answer.send)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as error:
            problem = unexpected(error)
            if not answer.status:
                await problem_response(problem)(scope, receive, answer.send)
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            caller = scope.get("state", {}).get("caller", "-")
            spent = time.perf_counter() - began
            audit(_method(scope), route, answer.status or 499, spent, caller)

    def _admit(self, scope: Scope) -> None:
        request = Request(scope)
        size = sum(len(name) + len(value) for name, value in request.headers.raw)
        if size > self._limits.header_bytes:
            detail = f"the header fields are larger than {self._limits.header_bytes} bytes"
            hint = "send fewer cookies and header fields"
            raise Refused(Problem.of("header-bytes", 431, "Too large header", detail, hint))
        if not self._callers.keyed and not is_local(_host(request)):
            # A web page that rebinds its own name to loopback could otherwise read answers
            # through the browser of whoever visits it.
            detail = "the Host header names another machine"
            hint = "use http://127.0.0.1 or http://localhost"
            raise Refused(Problem.of("host", 421, "Wrong host", detail, hint))
        if request.headers.get("sec-fetch-site") == "cross-site" and request.method != "GET":
            detail = "a page of another site has made this request"
            hint = "use the page that this server serves, or a program"
            raise Refused(Problem.of("cross-site", 403, "Refused", detail, hint))
        self._callers.admit(request)

    async def _whole_body(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` after a small body, which has then come and is within its limits."""
        path = scope["path"]
        if scope["method"] in ("GET", "HEAD", "DELETE") or path.startswith(UPLOADS[2]):
            return receive
        if path in UPLOADS:
            return receive
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.receive_s):
                while not messages or messages[-1].get("more_body"):
                    messages.append(await receive())
                    size += len(messages[-1].get("body", b""))
                    if size > MOST_BYTES:
                        hint = "this route takes a few words; studies are sent to /api/v1/jobs"
                        detail = f"the body is larger than {MOST_BYTES} bytes"
                        raise Refused(too_large("request-bytes", detail, hint))
        except TimeoutError:
            detail = f"the body did not arrive within {self._limits.receive_s:g} s"
            raise Refused(Problem.of("slow", 408, "Too slow", detail, "send it again")) from None

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        return replay


class _Answer:
    """What is sent, with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def _host(request: Request) -> str | None:
    try:
        return request.url.hostname
    except ValueError:  # no valid name or port
        return None


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method.isalpha() and len(method) < 10 else "(other)"
