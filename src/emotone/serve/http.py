"""HTTP and WebSockets by uvicorn, with a limit on the time that a client takes for the head of a request."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from emotone.serve.app import make_app
from emotone.serve.guard import MOST_HEAD_BYTES
from emotone.serve.live import MOST_BYTES
from emotone.serve.server import FINISH_S, Server

HEAD_S = 10.0
"""In which a client has sent the head of its request."""


class Protocol(H11Protocol):
    """HTTP of a client who sends its request in time: who is only connected holds no place."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for_head()

    def _wait_for_head(self) -> None:
        self.loop.call_later(HEAD_S, self._give_up, self.cycle)

    def _give_up(self, cycle: Any) -> None:
        """Close the connection where no request is being answered, none has begun since, and no stream has it."""
        is_http = self.transport.get_protocol() is self
        is_idle = self.cycle is cycle and (cycle is None or cycle.response_complete)
        if is_http and is_idle and not self.transport.is_closing():
            self.transport.close()


class Http(uvicorn.Server):
    """What listens; at the first signal the queue is closed, so that nobody is waited for who only waits."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self._server = server

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._server.close()
        await super().shutdown(sockets)


def make_http(server: Server) -> Http:
    """What listens: `serve([socket])` answers until a signal ends it."""
    settings = server.settings
    config = uvicorn.Config(
        make_app(server),
        http=Protocol,
        lifespan="on",
        log_level="critical",
        access_log=False,
        server_header=False,
        root_path=settings.root_path,
        limit_concurrency=settings.limits.connections,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        ws_max_size=2 * MOST_BYTES,
        ws_max_queue=4,
        timeout_keep_alive=round(HEAD_S),
        timeout_graceful_shutdown=round(FINISH_S),
    )
    return Http(config, server)
