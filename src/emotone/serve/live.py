"""Streams of people who speak: samples in, messages out, all of them in one process that listens.

A stream costs nothing while nobody sends. One that sends faster than it is heard waits: its messages stay with the
client, by the flow control of its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from emotone.serve.metrics import Metrics
from emotone.serve.pool import Pool, TaskError, WorkerDiedError
from emotone.serve.refusal import RefusalError
from emotone.serve.settings import Limits

MOST_BYTES = 65_536
"""Of a message: two seconds."""
HEAR_S = 60.0
CODES = {"server.closing": 1012, "server.full": 1013, "worker.died": 1011}
"""Of closed streams, by their error's name; 1008 for what the client has done wrong."""


class Live:
    """The streams of a server."""

    def __init__(self, pool: Pool, limits: Limits, metrics: Metrics) -> None:
        self._pool = pool
        self._limits = limits
        self._metrics = metrics
        self.num_open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """A stream, from its first message to its last."""
        await websocket.accept()
        self.num_open += 1
        self._metrics.count("streams")
        number = secrets.token_urlsafe(8)
        try:
            if self.num_open > self._limits.streams:
                raise RefusalError(503, "server.full", f"{self._limits.streams} streams are open; try again in a while")
            await self._listen(websocket, number)
            await websocket.close()
        except RefusalError as refusal:
            await self._end(websocket, refusal)
        except WebSocketDisconnect:
            pass
        finally:
            self.num_open -= 1
            with contextlib.suppress(TaskError, WorkerDiedError, TimeoutError):
                await self._pool.run({"do": "drop", "id": number}, deadline_s=HEAR_S)

    async def _listen(self, websocket: WebSocket, number: str) -> None:
        await self._ask(websocket, {"do": "open", "id": number, "fields": _fields(websocket)})
        while data := await self._receive(websocket):
            await self._ask(websocket, {"do": "hear", "id": number}, data)
        await self._ask(websocket, {"do": "close", "id": number})

    async def _ask(self, websocket: WebSocket, task: Mapping[str, Any], data: bytes = b"") -> None:
        """Send on what the listener says; raises RefusalError where it cannot."""
        try:
            messages = await self._pool.run(task, data, deadline_s=HEAR_S)
        except TaskError as error:
            name = "stream.refused" if error.status == 422 else "worker.died"
            raise RefusalError(error.status, name, str(error)) from None
        except (WorkerDiedError, TimeoutError):
            raise RefusalError(500, "worker.died", "the process that listened has died; begin anew") from None
        for message in messages:
            await websocket.send_json(message)

    async def _receive(self, websocket: WebSocket) -> bytes:
        """The next samples, none at the end; raises RefusalError for what is no message of a stream."""
        try:
            async with asyncio.timeout(self._limits.idle_s):
                message = await websocket.receive()
        except TimeoutError:
            raise RefusalError(408, "stream.idle", f"nothing was sent for {self._limits.idle_s:g} s") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1000)
        data = message.get("bytes")
        if data is None:
            words = "send binary messages of samples (16-bit little-endian, mono, 16 kHz); an empty one ends the stream"
            raise RefusalError(422, "stream.text", words)
        if len(data) > MOST_BYTES:
            raise RefusalError(413, "stream.size", f"a message has at most {MOST_BYTES} bytes, not {len(data)}")
        if len(data) % 2:
            raise RefusalError(422, "stream.odd", f"{len(data)} bytes are no whole samples of 16 bits")
        return bytes(data)

    async def _end(self, websocket: WebSocket, refusal: RefusalError) -> None:
        """Say why the stream ends."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            await websocket.send_json({"type": "error", "name": refusal.name, "message": refusal.message})
            await websocket.close(CODES.get(refusal.name, 1008), refusal.name)


def _fields(websocket: WebSocket) -> dict[str, str]:
    """The options in a stream's address; raises RefusalError for a rate or format that it does not take."""
    fields = dict(websocket.query_params)
    fixed = {"rate": "16000", "channels": "1", "format": "s16le"}
    for name, value in fixed.items():
        if fields.pop(name, value) != value:
            raise RefusalError(422, f"stream.{name}", f"a stream has {name} {value}; convert what you send")
    return fields
