"""Counts of a server, in the text format that Prometheus reads (version 0.0.4)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
HELP = {
    "emotone_requests_total": "Requests by method and status.",
    "emotone_jobs_total": "Jobs that have ended, by how.",
    "emotone_streams_total": "Streams that were opened.",
}


class Metrics:
    """Counters and the distribution of the time that predictions take their clients.

    >>> metrics = Metrics()
    >>> metrics.count("requests", method="GET", status="200")
    >>> 'emotone_requests_total{method="GET",status="200"} 1' in metrics.text({})
    True
    """

    def __init__(self) -> None:
        self._began = time.time()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._times: Counter[float] = Counter()
        self._num_times, self._sum_times = 0, 0.0
        self._seconds = 0.0

    def count(self, name: str, **labels: str) -> None:
        """One more of requests, jobs or streams."""
        self._counts[f"emotone_{name}_total", tuple(sorted(labels.items()))] += 1

    def add_seconds(self, seconds: float) -> None:
        """Seconds of sound that were read."""
        self._seconds += seconds

    def add_time(self, seconds: float) -> None:
        """How long an answer took, from the end of its upload."""
        self._num_times += 1
        self._sum_times += seconds
        self._times.update(bound for bound in BOUNDS_S if seconds <= bound)

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of it, and what is now: {name: value}."""
        lines = []
        for name, words in HELP.items():
            lines += [f"# HELP {name} {words}", f"# TYPE {name} counter"]
            for (its, labels), value in sorted(self._counts.items()):
                if its == name:
                    inner = ",".join(f'{key}="{label}"' for key, label in labels)
                    lines.append(f"{name}{{{inner}}} {value}" if inner else f"{name} {value}")
        lines += ["# TYPE emotone_audio_seconds_total counter", f"emotone_audio_seconds_total {self._seconds:.3f}"]
        lines.append("# TYPE emotone_answer_seconds histogram")
        for bound in BOUNDS_S:
            lines.append(f'emotone_answer_seconds_bucket{{le="{bound:g}"}} {self._times[bound]}')
        lines.append(f'emotone_answer_seconds_bucket{{le="+Inf"}} {self._num_times}')
        lines += [
            f"emotone_answer_seconds_sum {self._sum_times:.6f}",
            f"emotone_answer_seconds_count {self._num_times}",
        ]
        for name, now in ({"start_time_seconds": self._began} | dict(gauges)).items():
            lines += [f"# TYPE emotone_{name} gauge", f"emotone_{name} {now:.0f}"]
        return "\n".join(lines) + "\n"
