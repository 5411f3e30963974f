"""A server from its settings to its end: its socket, its address, its first worker."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import sys
from dataclasses import replace

from emotone.errors import EmotoneError
from emotone.serve.pool import Pool
from emotone.serve.settings import ServeSettings, new_token
from emotone.serve.spool import Spool

ALONE = getattr(socket, "SO_EXCLUSIVEADDRUSE", 0)
"""What keeps others from a port on Windows, where SO_REUSEADDR would let two servers have the same."""


def serve(settings: ServeSettings) -> int:
    """Run a server until it is told to end; raises EmotoneError where it cannot begin."""
    before = {ending: signal.getsignal(ending) for ending in (signal.SIGINT, signal.SIGTERM)}
    try:
        return asyncio.run(_serve(settings))
    except asyncio.CancelledError:  # told to end before it has begun
        return 130
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)


async def _serve(settings: ServeSettings) -> int:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    cancel = task.cancel
    signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(cancel))
    sock = _bind(settings)
    settings = replace(settings, port=sock.getsockname()[1])
    spool = Spool(settings.spool)
    pool = Pool(settings.setup(spool.folder), settings.workers)
    try:
        loading = asyncio.create_task(pool.run({"do": "load", "fields": {}}))
        await asyncio.sleep(0)  # the first worker begins, while the framework is loaded here
        from emotone.serve.http import make_http
        from emotone.serve.server import Server

        token = settings.token or new_token()
        http = make_http(Server(settings, token, spool, pool))
        await loading
        for ending in (signal.SIGINT, signal.SIGTERM):  # once it listens it has handlers of its own
            signal.signal(ending, lambda *_: setattr(http, "should_exit", True))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"http://{host}:{settings.port}{settings.root_path}/?token={token}", flush=True)
        if not settings.is_local and not settings.quiet:
            print("note: others can reach this server; without TLS they can read along", file=sys.stderr)
        await http.serve([sock])
    finally:
        pool.close()
        spool.close()
    return 0


def _bind(settings: ServeSettings) -> socket.socket:
    """The socket; raises EmotoneError for a port that is taken and an address that is not this machine's."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, ALONE or socket.SO_REUSEADDR, 1)
        sock.bind((settings.host, settings.port))
        sock.listen(512)
    except OSError as error:
        hint = "; --port 0 takes one that is free" if error.errno in (errno.EACCES, errno.EADDRINUSE) else ""
        raise EmotoneError(f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror}){hint}") from None
    return sock
