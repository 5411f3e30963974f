"""Who may come in: a token, our own Host, our own Origin; all else is refused in words, and the server lives on."""

from __future__ import annotations

import json

import httpx
import pytest
from served import Served
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from emotone.serve.guard import Guard, Headers
from emotone.serve.metrics import Metrics
from emotone.serve.refusal import RefusalError
from emotone.serve.settings import ServeSettings


def get(server: Served, path: str = "/v1/models", method: str = "GET", **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, f"{server.url}{path}", headers=names)


def test_without_a_token(server: Served) -> None:
    for path in ("/", "/v1/models", "/v1/jobs", "/metrics", "/docs", "/openapi.json", "/assets/index.html", "/nothing"):
        answer = get(server, path)
        assert answer.status_code == 401 and answer.json()["error"]["name"] == "token.missing"
    assert get(server, "/v1/predictions", "POST").status_code == 401
    for wrong in ("Bearer wrong", f"Basic {server.token}", f"Bearer {server.token}x", server.token, "Bearer"):
        assert get(server, authorization=wrong).status_code == 401
    assert get(server, f"/?token={server.token[:-1]}").status_code == 401
    assert get(server, f"/v1/models?token={server.token}").status_code == 401  # of the page alone
    assert "printed when it started" in get(server, "/", accept="text/html").text
    assert get(server, "/healthz").json() == {"status": "ok"}


def test_the_address_is_exchanged_for_a_cookie(server: Served) -> None:
    answer = get(server, f"/?token={server.token}")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"emotone-{server.port}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert server.token not in cookie
    value = cookie.split(";")[0]
    assert get(server, cookie=value).status_code == 200
    name, _, visit = value.partition("=")
    who, when, sign = visit.split(".")
    later = f"{who}.{int(when) + 1}.{sign}"
    for forged in (later, f"x{visit}", f"{who}.{when}.", "..", "a.b.c", "", "%00", f"{who}.{when}.{'é' * 10}"):
        cookie = f"{name}={forged}".encode()
        assert httpx.get(f"{server.url}/v1/jobs", headers=[(b"cookie", cookie)]).status_code == 401, forged


def test_a_cookie_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None: ...

    guard = Guard(nothing, ServeSettings(), "a" * 20, Metrics())

    def owner(ends: int) -> str:
        visit = f"x.{ends}"
        return guard._owner(Headers([(b"cookie", f"emotone-8642={visit}.{guard._sign(visit)}".encode())]))

    assert owner(99_999_999_999) == "x"
    with pytest.raises(RefusalError, match="expired"):
        owner(1)


def test_who_opens_the_address_again_stays_who_it_was(server: Served) -> None:
    """A second tab does not take the jobs of the first away; a forged cookie is nobody's."""
    first = get(server, f"/?token={server.token}").headers["set-cookie"].split(";")[0]
    again = get(server, f"/?token={server.token}", cookie=first).headers["set-cookie"]
    other = get(server, f"/?token={server.token}", cookie=f"{first}0").headers["set-cookie"]
    assert again.split(".")[0] == first.split(".")[0] != other.split(".")[0]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8642", "localhost.evil.example", "", "[", "127.0.0.1.nip.io"]
)
def test_another_host_is_refused(server: Served, host: str) -> None:
    answer = get(server, host=host, authorization=f"Bearer {server.token}")
    assert answer.status_code in (400, 421)
    head = f"GET /v1/models HTTP/1.1\r\nAuthorization: Bearer {server.token}\r\nConnection: close\r\n"
    assert b" 200 " not in server.raw(f"{head}Host: 127.0.0.1\r\nHost: evil.example\r\n\r\n".encode(), 3)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8642", "192.168.1.7:80"])
def test_own_names_and_addresses_are_hosts(server: Served, host: str) -> None:
    assert get(server, host=host, authorization=f"Bearer {server.token}").status_code == 200


def test_another_origin_may_not_write(server: Served) -> None:
    token = f"Bearer {server.token}"
    for origin in ("http://evil.example", "null", "http://localhost:1", server.url.replace("127", "128"), "file://"):
        answer = get(server, "/v1/predictions", "POST", authorization=token, origin=origin)
        assert answer.status_code == 403 and answer.json()["error"]["name"] == "origin.foreign"
        assert get(server, "/v1/jobs/x", "DELETE", authorization=token, origin=origin).status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{server.url.replace('http', 'ws')}/v1/stream", additional_headers=server.headers, origin=origin)
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body or b"{}")["error"]["name"] == "origin.foreign"
    assert get(server, "/v1/jobs/x", "DELETE", authorization=token, sec_fetch_site="same-site").status_code == 403
    assert get(server, "/v1/jobs/x", "DELETE", authorization=token, origin=server.url).status_code == 404
    assert "access-control-allow-origin" not in get(server, authorization=token, origin="http://evil.example").headers


@pytest.mark.parametrize(
    "other",
    ['x={"a":1}', "theme=dark light", "a[b]=c", "novalue", "user@x=1", 'x="unclosed', "expires=1", "; ;", "=", ""],
)
def test_cookies_of_others_are_nobody_s_business(server: Served, other: str) -> None:
    """Browsers send those of all ports of a host."""
    own = httpx.get(server.address).headers["set-cookie"].split(";")[0]
    for cookie in (f"{other}; {own}", f"{own}; {other}".strip("; ")):
        assert get(server, cookie=cookie).status_code == 200, cookie


def test_origins_that_are_none(server: Served) -> None:
    for origin in ("http://[", "[", "://", "http://", "\x7f"):
        answer = get(server, "/v1/predictions", "POST", authorization=f"Bearer {server.token}", origin=origin)
        assert answer.status_code == 403, origin


def test_counts_do_not_grow_with_what_is_sent(server: Served) -> None:
    for number in range(5):
        assert get(server, method=f"INVENTED{number}").status_code in (401, 403)
    with server.client() as client:
        text = client.get("/metrics").text
    assert "INVENTED" not in text and 'method="other"' in text


def test_a_stream_needs_a_token(server: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{server.url.replace('http', 'ws')}/v1/stream")
    assert refused.value.response.status_code == 401


def test_answers_let_browsers_do_nothing_else(server: Served) -> None:
    for answer in (get(server, "/", authorization=f"Bearer {server.token}"), get(server, "/nothing")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'") and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer" and "server" not in answer.headers


def test_the_log_has_routes_and_no_names(server: Served) -> None:
    with server.client() as client:
        client.post("/v1/predictions", files={"file": ("a secret.wav", b"RIFF")})
        client.get("/v1/jobs/a-secret-number")
    assert "secret" not in server.log and server.token not in server.log
    assert "POST /v1/predictions 422" in server.log and "GET /v1/jobs/{number} 404" in server.log
