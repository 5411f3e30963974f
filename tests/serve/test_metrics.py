"""Counts as Prometheus reads them."""

from __future__ import annotations

import re

from emotone.serve.metrics import Metrics

LINE = re.compile(r'^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+$')


def test_counts_and_times() -> None:
    metrics = Metrics()
    for status in ("200", "200", "422"):
        metrics.count("requests", method="POST", status=status)
    for seconds in (0.05, 0.3, 400.0):
        metrics.add_time(seconds)
    metrics.add_seconds(12.5)
    text = metrics.text({"jobs_waiting": 3})
    lines = text.splitlines()
    assert text.endswith("\n") and all(line.startswith("# ") or LINE.match(line) for line in lines)
    assert 'emotone_requests_total{method="POST",status="200"} 2' in lines
    assert 'emotone_answer_seconds_bucket{le="0.1"} 1' in lines and 'emotone_answer_seconds_bucket{le="0.5"} 2' in lines
    assert (
        'emotone_answer_seconds_bucket{le="300"} 2' in lines and 'emotone_answer_seconds_bucket{le="+Inf"} 3' in lines
    )
    assert "emotone_answer_seconds_count 3" in lines and "emotone_jobs_waiting 3" in lines
    assert "emotone_audio_seconds_total 12.500" in lines
