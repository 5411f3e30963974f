"""The contract of a report's sections: what each is made from, and what it gives.

A section of the page lies in one file with a function `section(evaluated) -> Part`; the tuple in
`emotone.evaluate.report.report` has them in the order of the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.evaluate.degraded.measured import MeasuredCurves
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import pairs_of


@dataclass(frozen=True)
class Evaluated:
    """A finished run, or a bundle tested on a corpus, and its curves of robustness and missing data, if measured."""

    run: Run
    robustness: MeasuredCurves | None = None
    missing: MeasuredCurves | None = None

    @cached_property
    def targets(self) -> list[Target]:
        """The targets of which test utterances have labels."""
        return [target for target in self.run.targets if len(pairs_of(self.run.test, target)[0])]

    @property
    def absolute(self) -> list[Target]:
        """Those with an error: relative scores have an order only."""
        return [target for target in self.targets if not target.is_relative]

    @property
    def categories(self) -> list[Target]:
        """Those with classes."""
        return [target for target in self.targets if target.kind == "category"]


@dataclass(frozen=True)
class Part:
    """`json`: what was measured, by keys of the whole report; `sections`: the same on the page, none if nothing is."""

    json: dict[str, Any] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)
