"""Plans: every row in one shard, the same shards whoever plans, in bounded memory."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from emotone.archive import plan as plan_module
from emotone.archive.manifest import Item
from emotone.archive.plan import Plan, part_name
from emotone.errors import EmotoneError

ITEMS = [Item(f"{number:05d}.wav", number / 8, None if number % 2 else number + 1.0) for number in range(5_000)]


def rows_of(plan: Plan) -> dict[Item, int]:
    found = {}
    for shard in plan.shards:
        if shard.num_rows:
            keys, items, numbers = plan.items(shard)
            assert keys == sorted({item.key for item in items}) and [item.key for item in items] == keys
            assert shard.part == part_name(shard.number, b"".join(keys)) and len(keys) == shard.num_rows
            found |= dict(zip(items, numbers.tolist(), strict=True))
    return found


@pytest.mark.parametrize("rows_per_shard", [1, 7, 700, 10_000])
def test_every_row_is_in_one_shard(tmp_path: Path, rows_per_shard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "ROWS_AT_ONCE", 999)
    items = ITEMS[:600] if rows_per_shard == 1 else ITEMS
    plan = Plan.make(items, tmp_path, rows_per_shard)
    assert rows_of(plan) == {item: number for number, item in enumerate(items)} and plan.num_rows == len(items)
    assert len(plan.shards) == max(1, round(len(items) / rows_per_shard)) and not plan.has_channels
    assert [shard.number for shard in plan.shards] == list(range(len(plan.shards)))
    assert Plan.read(plan.folder) == plan and [path.name for path in tmp_path.iterdir()] == [plan.name]


def test_shards_are_even(tmp_path: Path) -> None:
    sizes = np.array([shard.num_rows for shard in Plan.make(ITEMS, tmp_path, 100).shards])
    assert sizes.sum() == 5_000 and abs(sizes.std() - 10) < 3  # as of Poisson


def test_the_same_rows_in_any_order_are_the_same_parts(tmp_path: Path) -> None:
    shuffled = random.Random(0).sample(ITEMS, len(ITEMS))
    first, second = Plan.make(ITEMS, tmp_path, 50), Plan.make(shuffled, tmp_path, 50)
    assert first.shards == second.shards and first.name != second.name  # rows have other numbers
    assert Plan.make(ITEMS, tmp_path, 50) == first
    more = Plan.make([*ITEMS, Item("new.wav")], tmp_path, 50, num_shards=len(first.shards))
    assert sum(one != other for one, other in zip(first.shards, more.shards, strict=True)) == 1


def test_of_equal_rows_the_first_stays(tmp_path: Path) -> None:
    plan = Plan.make([ITEMS[0], ITEMS[1], ITEMS[0], Item("c.wav", channel=2), ITEMS[1]], tmp_path, 2)
    assert (plan.num_rows, plan.num_duplicates, plan.has_channels) == (3, 2, True)
    assert rows_of(plan) == {ITEMS[0]: 0, ITEMS[1]: 1, Item("c.wav", channel=2): 3}


def test_names_that_are_no_text_come_back(tmp_path: Path) -> None:
    items = [Item("\udce4.wav"), Item("line\nbreak.wav"), Item("ä.wav", language="da")]
    assert set(rows_of(Plan.make(items, tmp_path, 2))) == set(items)


def test_nothing_is_a_plan_without_rows(tmp_path: Path) -> None:
    assert Plan.make([], tmp_path, 5).num_rows == 0


def test_a_plan_that_is_gone_or_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="the plan is gone; give the manifest again"):
        Plan.read(tmp_path / "plan-0")
    plan = Plan.make(ITEMS, tmp_path, 500)
    (plan.folder / "rows-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(EmotoneError, match="the plan cannot be read"):
        plan.items(plan.shards[0])
    (plan.folder / "plan.json").write_text("{}")
    with pytest.raises(EmotoneError, match="the plan cannot be read"):
        Plan.read(plan.folder)
