"""The door: whom a request may come from, before anything of it is read.

A page of another site can make a browser send requests here, also by a name that it has pointed at this machine (DNS
rebinding). So the `Host` must be one of ours, the `Origin` of what writes or opens a stream must be the host that it
asks, and every request needs the token: from a program in `Authorization`, from a browser once in the address, then as
a cookie that no script reads, and that a browser sends from no frame of another site.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import json
import secrets
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from emotone.serve.metrics import Metrics
from emotone.serve.refusal import RefusalError
from emotone.serve.settings import ServeSettings
from emotone.serve.upload import too_large

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/healthz",)
"""Answered without a token."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS")
COOKIE_S = 12 * 3600
MOST_HEAD_BYTES = 16_384
LINGER_S = 2.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-store",
}
"""Of every answer that does not say otherwise."""
NO_TOKEN = (
    "the token is missing, wrong or has expired: open the address that the server printed when it started, or send "
    "Authorization: Bearer TOKEN"
)
LOGIN_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Emotone</title></head>
<body><h1>This page needs its token</h1>
<p>Open the address that the server printed when it started. It ends in <code>?token=</code> and a random word.
A visit lasts for 12 hours, or until the server is started anew.</p></body></html>
"""


class Visit(NamedTuple):
    """A browser that was let in: its name, and until when (seconds since 1970)."""

    owner: str
    ends: int


class Guard:
    """Lets requests through to `app`, with their client's name in `scope["state"]["owner"]`, or refuses them."""

    def __init__(self, app: App, settings: ServeSettings, token: str, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._token = token
        self._key = hmac.digest(token.encode(), b"emotone cookie", "sha256")
        self._hosts = settings.hosts
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        answer = Answer(send, scope)
        scope.setdefault("state", {})["answer"] = answer
        try:
            headers = Headers(scope["headers"])
            self._take_root_once(scope)
            path = scope["path"].removeprefix(self._settings.root_path) or "/"
            self._check_source(scope, headers)
            if scope["type"] == "http" and headers.length > self._settings.limits.upload_bytes:
                raise too_large(self._settings.limits.upload_bytes)
            token = self._token_of_address(scope, path)
            if token is not None:
                await self._let_in(answer, token, headers["cookie"])
            elif path in OPEN:
                await self._app(scope, receive, answer)
            else:
                scope["state"]["owner"] = self._owner(headers)
                await self._app(scope, receive, answer)
        except RefusalError as refusal:
            is_page = scope["type"] == "http" and refusal.status == 401 and "text/html" in headers["accept"]
            await answer.refuse(refusal, receive, LOGIN_PAGE if is_page else "")
        except Exception:  # a fault of ours, of which the client has been told
            traceback.print_exc()
        finally:
            method = scope.get("method", "WS")
            self._metrics.count("requests", method=method if method in METHODS else "other", status=str(answer.status))
            if not self._settings.quiet:
                self._log(scope, answer, time.monotonic() - began)

    def _take_root_once(self, scope: Scope) -> None:
        """Behind proxies that keep the root path, uvicorn, which adds it for those that do not, has it twice."""
        root = self._settings.root_path
        if root and scope["path"].startswith(f"{root}{root}/"):
            scope["path"] = scope["path"].removeprefix(root)

    # ---- checks -----------------------------------------------------------------------------------------------------

    def _check_source(self, scope: Scope, headers: Headers) -> None:
        """Raise RefusalError for a Host that is not ours, and for writes and streams from pages of others."""
        if headers.num_bytes + len(scope["query_string"]) + len(scope["path"]) > MOST_HEAD_BYTES:
            raise RefusalError(431, "request.head", f"the head of a request has at most {MOST_HEAD_BYTES} bytes")
        if len(headers.all("host")) != 1 or not self._is_own(headers["host"]):
            words = "the server is not reached by this Host; start it with --name HOST"
            raise RefusalError(421, "host.unknown", words)
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        origin = headers["origin"]
        if writes and origin and origin.lower().partition("://")[2] != headers["host"].lower():
            raise RefusalError(403, "origin.foreign", "pages of other sites may not ask this server")
        if writes and headers["sec-fetch-site"] not in ("", "same-origin", "none"):
            raise RefusalError(403, "origin.foreign", "pages of other sites may not ask this server")

    def _is_own(self, host: str) -> bool:
        """Whether a Host is an address, which no other site's name can be, or one of our names."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _token_of_address(self, scope: Scope, path: str) -> str | None:
        """The token in the address of the page; None where it has none."""
        if path != "/" or scope["type"] != "http":
            return None
        return parse_qs(scope["query_string"].decode("latin-1")).get("token", [None])[0]

    def _owner(self, headers: Headers) -> str:
        """The client's name; raises RefusalError without a token."""
        kind, _, token = headers["authorization"].partition(" ")
        if kind.lower() == "bearer" and self._is_token(token.strip()):
            return "token"
        visit = self._visit(headers["cookie"])
        if visit is None or visit.ends < time.time():
            raise RefusalError(401, "token.missing", NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        return visit.owner

    def _is_token(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    # ---- visits -----------------------------------------------------------------------------------------------------

    @property
    def _cookie(self) -> str:
        """Its name: browsers keep cookies by host, not by port."""
        return f"emotone-{self._settings.port}"

    async def _let_in(self, answer: Answer, token: str, cookies: str) -> None:
        """A cookie for the token in the address, and the page without it; nobody copies what they do not see.

        A browser that comes again, in another tab or since its cookie has expired, stays who it was.
        """
        if not self._is_token(token):
            raise RefusalError(401, "token.missing", NO_TOKEN)
        known = self._visit(cookies)
        visit = f"{known.owner if known else secrets.token_urlsafe(12)}.{int(time.time()) + COOKIE_S}"
        place = self._settings.root_path or "/"
        cookie = f"{self._cookie}={visit}.{self._sign(visit)}; Path={place}; Max-Age={COOKIE_S}; HttpOnly; SameSite=Lax"
        await answer.send(303, b"", {"location": f"{self._settings.root_path}/", "set-cookie": cookie})

    def _visit(self, cookies: str) -> Visit | None:
        """What a cookie says; None where it is none of ours."""
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))  # others' may be written anyhow
        values = [value for name, _, value in pairs if name == self._cookie]
        visit, _, sign = values[0].rpartition(".") if values else ("", "", "")
        if not hmac.compare_digest(sign.encode(), self._sign(visit).encode()):
            return None
        owner, _, ends = visit.rpartition(".")
        return Visit(owner, int(ends))

    def _sign(self, visit: str) -> str:
        return hmac.new(self._key, visit.encode(), hashlib.sha256).hexdigest()

    def _log(self, scope: Scope, answer: Answer, seconds: float) -> None:
        """A line without names, tokens and numbers of jobs: the route, not the address."""
        route = getattr(scope.get("route"), "path", "-")
        line = f"{time.strftime('%H:%M:%S')} {scope.get('method', 'WS')} {route} {answer.status} {seconds:.3f} s"
        if self._settings.log_names and scope.get("state", {}).get("name"):
            line += f" {scope['state']['name']!r}"
        print(line, file=sys.stderr, flush=True)


class Headers:
    """Headers of a request by their names in small letters; "" for one that is not there."""

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.lower(), value.decode("latin-1")) for name, value in pairs]

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self._pairs if key == name.encode()]

    def __getitem__(self, name: str) -> str:
        return ", ".join(self.all(name))

    @property
    def num_bytes(self) -> int:
        """Bytes of all of them."""
        return sum(len(name) + len(value) for name, value in self._pairs)

    @property
    def length(self) -> int:
        """Bytes of the body that the request declares; 0 for none."""
        length = self["content-length"]
        return int(length) if length.isdecimal() else 0


class Answer:
    """Sends on what the application answers, with the headers that all answers have, and remembers its status."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message.get("headers", [])}
            own = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
            message = dict(message) | {"headers": [*message.get("headers", []), *own]}
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)

    async def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """A whole answer."""
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self({"type": "http.response.start", "status": status, "headers": pairs})
        await self({"type": "http.response.body", "body": body})

    async def refuse(self, refusal: RefusalError, receive: Receive, page: str = "") -> None:
        """Say why not; then read on for a moment, since a client that still sends would not hear it."""
        if self.status:
            return
        kind = "text/html; charset=utf-8" if page else "application/json"
        body = page.encode() if page else json.dumps(refusal.body).encode()
        headers = {"content-type": kind, "content-length": str(len(body)), **refusal.headers}
        is_stream = self._scope["type"] == "websocket"
        if not is_stream:
            headers["connection"] = "close"
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        begin, rest = f"{'websocket.' if is_stream else ''}http.response.start", "http.response.body"
        if is_stream:
            self.status = refusal.status
            await self._send({"type": begin, "status": refusal.status, "headers": pairs})
            await self._send({"type": f"websocket.{rest}", "body": body})
            return
        await self({"type": begin, "status": refusal.status, "headers": pairs})
        await self({"type": rest, "body": body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        await self({"type": rest, "body": b""})
