"""All that depends on neighbouring frames, block by block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from descriptors import speech

from emotone.features.lld.course import Course
from emotone.features.lld.frames import quantise
from emotone.features.lld.local import measure
from emotone.features.lld.voice import Rules


@pytest.mark.parametrize(("size", "rules"), [(64, Rules.IS13), (128, Rules.COMPARE_2016), (64, Rules.CORRECTED)])
def test_blocks_make_no_difference(shared: Path, size: int, rules: Rules) -> None:
    samples = quantise(speech(shared)[2])
    local = measure(samples, None)
    whole = Course(rules).push(local, samples, is_last=True)
    assert whole.shape == (len(local.columns) + (rules is not Rules.CORRECTED), 130)
    course, parts, num = Course(rules), [], len(local.columns)
    for start in range(0, num, size):
        stop = min(start + size, num)
        part = samples[256 * start : 256 * (stop - 1) + 512]
        parts.append(course.push(local.part(start, stop), part, is_last=stop == num))
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6, atol=1e-6)
