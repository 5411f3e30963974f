"""What routes share: what there is, also while nobody can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emotone.serve.pool import WorkerDiedError
from emotone.serve.refusal import RefusalError
from emotone.serve.server import Server
from emotone.serve.settings import ServeSettings
from emotone.serve.spool import Spool


class Oracle:
    """A pool that answers, or dies."""

    is_busy = False
    num_died = 0

    def __init__(self) -> None:
        self.answers: list[Any] = []

    async def run(self, task: Mapping[str, Any], **_: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_what_there_is_stays_known(tmp_path: Path) -> None:
    async def check() -> None:
        pool = Oracle()
        server = Server(ServeSettings(), "t" * 20, Spool(tmp_path), pool)  # type: ignore[arg-type]
        pool.answers = [WorkerDiedError("x"), {"models": [1], "formats": {"csv": ".csv"}}, TimeoutError()]
        with pytest.raises(RefusalError) as failed:
            await server.about()
        assert failed.value.status == 503
        assert (await server.about())["models"] == [1] and (await server.about())["models"] == [1]
        await server.check_format("predict", "csv")
        with pytest.raises(RefusalError, match="did you mean 'csv'"):
            await server.check_format("predict", "csw")
        assert server.gauges()["jobs_running"] == 0

    asyncio.run(check())
