"""Without a heavy package, tests and doctests that need it are skipped by name."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from importlib.util import find_spec

import pytest

HEAVY = ("lightning_fabric", "torch", "transformers")
"""Packages for which some interpreters have no builds: what needs one that is not there is skipped by name."""
LACKS = re.compile(rf"No module named '({'|'.join(HEAVY)})|needs the package ({'|'.join(HEAVY)}):")


def is_lacking(error: object) -> str:
    """The heavy package for the lack of which something failed; "" for any other reason, and in CI, where it counts."""
    found = LACKS.search(str(error))
    missing = found and next(filter(None, found.groups()))
    return missing if missing and os.environ.get("CI") != "true" and not find_spec(missing) else ""


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that cannot be imported without a heavy package is skipped."""
    report = yield
    if report.outcome == "failed" and (name := is_lacking(report.longrepr)):
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, f"Skipped: {name} is not installed")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """So is a test that fails, or whose fixture fails, for the lack of one."""
    report = yield
    if report.outcome == "failed" and (name := is_lacking(report.longrepr)):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"Skipped: {name} is not installed")
    return report
