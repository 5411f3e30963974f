"""Names of columns, against openSMILE's."""

from __future__ import annotations

from emotone.features.extractors.lld import Lld
from emotone.features.lld.names import column_names


def test_names_and_their_order_are_openSMILEs() -> None:  # noqa: N802
    assert column_names() == Lld(extractor="opensmile").names
