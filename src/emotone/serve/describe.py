"""The API in words: what FastAPI cannot know of forms, and its description as a page without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

DESCRIPTION = (
    "Emotion in recordings and streams. Every request but /healthz needs the token: Authorization: Bearer TOKEN. "
    'Errors are {"error": {"name", "message"}}. Streams (WS /v1/stream): binary messages of 16-bit little-endian '
    "samples, mono, 16 kHz, of at most 64 kB, an empty one at the end; JSON comes back: session.created, "
    "utterance.start, result (for every second), utterance.end, error. Options: model, pause, longest."
)
EXAMPLE = (
    'curl -H "Authorization: Bearer $TOKEN" -F file=@talk.wav -F utterances=true http://localhost:8642/v1/predictions'
)


def form_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """What OpenAPI says of a form with a recording and these fields."""
    file = {"type": "string", "format": "binary"}
    words = {name: {"type": "string", "description": text} for name, text in fields.items()}
    properties = {"file": file | {"description": "the recording"}, **words}
    if "channels" in fields:
        properties["speakers"] = file | {"description": "turns of speakers (RTTM or CSV): a row for each"}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    answers = {
        "202": {"description": "A job; it takes longer than the client waits."},
        "413": {"description": "The body is too long."},
        "422": {"description": "An option or the recording cannot be used; its row says why."},
        "429": {"description": "You have too many jobs under way."},
        "503": {"description": "The queue is full."},
    }
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "responses": answers,
    }


def secured(openapi: dict[str, Any]) -> dict[str, Any]:
    """The description of an API with its token, and its own errors in place of the framework's.

    >>> secured({"paths": {"/x": {"get": {"responses": {"422": {}}}}}})["paths"]["/x"]["get"]["responses"].keys()
    dict_keys(['4XX', '5XX'])
    """
    error = {"type": "object", "properties": {"name": {"type": "string"}, "message": {"type": "string"}}}
    schema = {"type": "object", "properties": {"error": error}}
    refused = {"description": "Refused, in words.", "content": {"application/json": {"schema": schema}}}
    for methods in openapi["paths"].values():
        for route in methods.values():
            if "application/json" in route["responses"].get("422", {}).get("content", {}) or "requestBody" not in route:
                route["responses"].pop("422", None)
            route["responses"] |= {"4XX": refused, "5XX": refused}
    openapi["components"] = {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}}
    openapi["security"] = [{"token": []}]
    return openapi


def describe(openapi: Mapping[str, Any]) -> str:
    """The description of an API as a page.

    >>> "<h2>" in describe({"info": {"title": "A", "version": "1", "description": ""}, "paths": {"/x": {"get": {}}}})
    True
    """
    info = openapi["info"]
    routes = [
        line
        for path, methods in openapi["paths"].items()
        for method, route in methods.items()
        for line in _route(method, path, route)
    ]
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<title>{escape(info["title"])} API</title><link rel="stylesheet" href="assets/docs.css"></head><body>',
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>\n<p>{escape(info['description'])}</p>",
            f'<p>For programs: <a href="openapi.json">openapi.json</a></p><pre>{escape(EXAMPLE)}</pre>',
            *routes,
            "</body></html>",
        ]
    )


def _route(method: str, path: str, route: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(route.get('description', ''))}</p>"
    body = route.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema", {})
    rows = [(name, field.get("description", "")) for name, field in body.get("properties", {}).items()]
    rows += [(one["name"], one.get("description", one["in"])) for one in route.get("parameters", [])]
    if rows:
        cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{escape(words)}" for name, words in rows)
        yield f"<table>{cells}</table>"
