"""What is refused has a status, a name and one line."""

from __future__ import annotations

from emotone.serve.refusal import RefusalError


def test_a_message_is_one_line() -> None:
    assert RefusalError(422, "a.b", "two\n  lines").body == {"error": {"name": "a.b", "message": "two lines"}}
