"""What the server refuses, in words and with the status that HTTP has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RefusalError(Exception):
    """A request that is not answered: a status, a name for programs, one line for people.

    >>> RefusalError(503, "queue.full", "too much to do", {"Retry-After": "5"}).body
    {'error': {'name': 'queue.full', 'message': 'too much to do'}}
    """

    status: int
    name: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {"error": {"name": self.name, "message": " ".join(self.message.split())}}
