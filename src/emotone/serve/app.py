"""The routes of the server: what is asked, of whom, and how it is answered. Their work is done elsewhere."""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import time
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from emotone.base.version import __version__
from emotone.errors import EmotoneError
from emotone.serve.describe import DESCRIPTION, describe, form_of, secured
from emotone.serve.guard import App, Guard
from emotone.serve.jobs import ENDED, Job, Jobs, Kind
from emotone.serve.options import DELIVERY, MOMENTS, PREDICTION, Fields, check_names, flag, wait_of
from emotone.serve.refusal import RefusalError
from emotone.serve.server import Server
from emotone.serve.upload import Form, receive_form

ASSETS = {path.name: path for path in files("emotone.serve").joinpath("page").iterdir() if isinstance(path, Path)}
TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".svg": "image/svg+xml",
    ".vtt": "text/vtt",
    ".eaf": "application/xml",
    ".txt": "text/plain",
    ".srt": "text/plain",
    ".TextGrid": "text/plain",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
EVENT_EVERY_S = 15.0
"""A comment keeps a quiet stream of events open."""


def make_app(server: Server) -> App:
    """The application, behind its guard."""
    app = FastAPI(
        title="Emotone",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lambda app: server.running(),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    _add_page(app, server)
    _add_api(app, server)
    _add_jobs(app, server)
    describe_routes = app.openapi
    app.openapi = functools.cache(lambda: secured(describe_routes()))  # type: ignore[method-assign]
    for kind in (RefusalError, HTTPException, RequestValidationError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _refuse)
    return Guard(app, server.settings, server.token, server.metrics)


# ---- what there is --------------------------------------------------------------------------------------------------


def _add_page(app: FastAPI, server: Server) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return _asset("index.html")

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        return _asset(name)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(describe(app.openapi()))

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the server answers; needs no token."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Counts in the text format of Prometheus."""
        return PlainTextResponse(server.metrics.text(server.gauges()), media_type="text/plain; version=0.0.4")


def _add_api(app: FastAPI, server: Server) -> None:
    @app.get("/v1/about")
    async def about() -> dict[str, Any]:
        """Version, bundles, formats and limits."""
        return await server.about()

    @app.get("/v1/models")
    async def models() -> list[dict[str, Any]]:
        """The bundles that score; the first is the default."""
        return (await server.about())["models"]

    @app.post("/v1/predictions", openapi_extra=form_of(PREDICTION | DELIVERY))
    async def predictions(request: Request) -> Response:
        """Emotion in a recording: its rows, or 202 and a job where that takes long."""
        return await _answer(request, server, "predict", PREDICTION)

    @app.post("/v1/moments", openapi_extra=form_of(MOMENTS | DELIVERY))
    async def moments(request: Request) -> Response:
        """The moments of a recording with the most or least of an attribute or a category."""
        return await _answer(request, server, "moments", MOMENTS)

    @app.websocket("/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        await server.live.serve(websocket)


def _add_jobs(app: FastAPI, server: Server) -> None:
    jobs = server.jobs

    def find(request: Request, number: str) -> Job:
        return jobs.find(number, request.state.owner)

    @app.get("/v1/jobs")
    async def all_jobs(request: Request) -> list[dict[str, Any]]:
        """Your jobs, the first first."""
        return [jobs.about(job) for job in jobs.of(request.state.owner)]

    @app.get("/v1/jobs/{number}")
    async def job(request: Request, number: str) -> dict[str, Any]:
        """How far a job is."""
        return jobs.about(find(request, number))

    @app.delete("/v1/jobs/{number}", status_code=204, response_model=None)
    async def delete(request: Request, number: str) -> None:
        """Cancel a job, and remove what is left of it."""
        jobs.remove(find(request, number))

    @app.get("/v1/jobs/{number}/events", response_class=StreamingResponse)
    async def events(request: Request, number: str) -> Response:
        """How far a job is, as server-sent events, until it has ended."""
        return StreamingResponse(_events(jobs, find(request, number)), media_type="text/event-stream")

    @app.get("/v1/jobs/{number}/result")
    async def result(request: Request, number: str, form_name: Annotated[str, Query(alias="as")] = "json") -> Response:
        """The rows of a job, in a format (as)."""
        job = _ended(find(request, number))
        await server.check_format(job.kind, form_name)
        path = await server.export(job, form_name)
        try:
            return _file(path, job)
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)

    @app.get("/v1/jobs/{number}/page")
    async def job_page(request: Request, number: str, download: bool = False) -> Response:
        """The page of a job that was asked for one (page=true)."""
        job = _ended(find(request, number))
        if not job.has_page:
            raise RefusalError(404, "job.page", job.error or "the job was not asked for a page (page=true)")
        content = _read(job.folder / "page.html")
        # It has a policy of its own, which lets the one script and the one style in it run and asks nobody anything.
        headers = {"content-security-policy": "frame-ancestors 'self'"}
        return Response(content, media_type="text/html", headers=headers | (_saved(job, ".html") if download else {}))


# ---- answers --------------------------------------------------------------------------------------------------------


async def _answer(request: Request, server: Server, kind: Kind, known: dict[str, str]) -> Response:
    """Receive a recording and wait for its job as long as the client wants to; who hangs up gives it up."""
    jobs, limits = server.jobs, server.settings.limits
    declared = request.headers.get("content-length", "")
    job = jobs.open(request.state.owner, kind, int(declared) if declared.isdecimal() else limits.upload_bytes)
    try:
        form = await _receive(request, job, limits.upload_bytes)
        wait_s = _check(form.fields, known)
        await server.check_format(kind, form.fields.get("as", "json"))
        request.state.name = form.names["file"]
        jobs.enqueue(job, form)
        began = time.monotonic()
        if not await _wait(request, job, wait_s):
            where = {"location": f"{server.settings.root_path}/v1/jobs/{job.id}"}
            return JSONResponse(jobs.about(job), 202, where)
        server.metrics.add_time(time.monotonic() - began)
    except BaseException:
        jobs.remove(job)
        raise
    try:
        return _answer_of(job)
    finally:
        jobs.remove(job)


async def _receive(request: Request, job: Job, most_bytes: int) -> Form:
    """The form of a request; raises RefusalError where there is no room for it, or its job was cancelled meanwhile."""
    try:
        return await receive_form(request.stream(), request.headers.get("content-type", ""), job.folder, most_bytes)
    except OSError as error:
        if job.state in ENDED:
            raise RefusalError(job.error_status, job.error_name, job.error) from None
        raise RefusalError(507, "disk.full", f"there is no room for the upload ({error.strerror})") from None


def _check(fields: Fields, known: dict[str, str]) -> float:
    """Seconds that the client waits; raises RefusalError for options that there are none of."""
    try:
        check_names(fields, known | DELIVERY)
        flag(fields, "page")
        return wait_of(fields)
    except EmotoneError as error:
        raise RefusalError(422, "request.option", str(error)) from None


async def _wait(request: Request, job: Job, seconds: float) -> bool:
    """Whether a job has ended in time; raises RefusalError where the client has hung up."""
    deadline = time.monotonic() + seconds
    while not await job.wait_for_end(min(0.5, max(0.0, deadline - time.monotonic()))):
        if await request.is_disconnected():
            raise RefusalError(499, "client.gone", "the client has hung up")
        if time.monotonic() >= deadline:
            return False
    return True


def _answer_of(job: Job) -> Response:
    """The rows of a job that has just ended."""
    if "file" not in job.answer:
        raise RefusalError(job.error_status, job.error_name, job.error)
    return _file(job.folder / job.answer["file"], job)


def _ended(job: Job) -> Job:
    """A job with rows; raises RefusalError for another."""
    if job.state not in ENDED:
        raise RefusalError(409, "job.running", f"the job is {job.state}; its events say when it has ended")
    if not job.answer:
        raise RefusalError(job.error_status, job.error_name, job.error)
    return job


def _read(path: Path) -> bytes:
    """A file of a job; raises RefusalError where the job was removed meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        raise RefusalError(410, "job.cancelled", "the job was removed") from None


def _file(path: Path, job: Job) -> Response:
    """A file of rows; where none has scores, since the recording cannot be used, the status says so."""
    kind = TYPES.get(path.suffix, "application/octet-stream")
    charset = {} if kind.startswith("text/") or "json" in kind else {"content-type": kind}
    return Response(
        _read(path), 422 if job.error else 200, _saved(job, path.suffix) | charset, None if charset else kind
    )


def _saved(job: Job, suffix: str) -> dict[str, str]:
    """The name under which a browser saves an answer: that of the recording."""
    stem = Path(job.name).stem + ("-moments" if job.kind == "moments" else "")
    name = f"{quote(stem, safe='')}{suffix}"
    return {"content-disposition": f"attachment; filename=\"emotion{suffix}\"; filename*=UTF-8''{name}"}


async def _events(jobs: Jobs, job: Job) -> AsyncIterator[str]:
    """A job's states as server-sent events."""
    while True:
        yield f"event: job\ndata: {json.dumps(jobs.about(job))}\n\n"
        if job.state in ENDED:
            return
        try:
            async with asyncio.timeout(EVENT_EVERY_S):
                await job.wait_for_change()
        except TimeoutError:
            yield ": still there\n\n"


def _asset(name: str) -> Response:
    if name not in ASSETS:
        raise RefusalError(404, "page.unknown", "there is no such page")
    path = ASSETS[name]
    return Response(path.read_bytes(), media_type=TYPES[path.suffix])


async def _refuse(request: Request, error: Exception) -> Response:
    """What is refused, by us or by the framework, or has gone wrong, which the guard writes into the log."""
    if isinstance(error, RefusalError):
        return Refused(error)
    if isinstance(error, ClientDisconnect):
        return Refused(RefusalError(499, "client.gone", "the client has hung up"))
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return Refused(RefusalError(422, "request.option", f"{first['loc'][-1]}: {first['msg']}"))
    if isinstance(error, HTTPException):
        names = {404: "page.unknown", 405: "method.unknown"}
        words = "there is no such page; /docs has all" if error.status_code == 404 else str(error.detail)
        name = names.get(error.status_code, "request.refused")
        return Refused(RefusalError(error.status_code, name, words, dict(error.headers or {})))
    return Refused(RefusalError(500, "server.fault", f"the server could not do it ({type(error).__name__})"))


class Refused(Response):
    """The guard's answer to a request that was refused behind it."""

    def __init__(self, refusal: RefusalError) -> None:
        super().__init__(status_code=refusal.status)
        self._refusal = refusal

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await scope["state"]["answer"].refuse(self._refusal, receive)
