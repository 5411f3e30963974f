"""The course of the pitch over frames: the cheapest path through candidates and "unvoiced", decided 29 frames later.

Frames of which three or more in a row have no candidate with a voicing of 0.7 are always unvoiced, so that only the
stretches between are searched, all of a block side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.pitch import NUM_CANDIDATES, Candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]
    Ints = NDArray[np.intp]

LAG = 29
"""A frame is decided by the best path at the frame that is so much later, or at the end."""
THRESHOLD = 0.7
UNVOICED = NUM_CANDIDATES
NUM_STATES = NUM_CANDIDATES + 1
WEAK_FRAMES = 3
"""So many frames in a row below the threshold are unvoiced."""
STAY_UNVOICED, CHANGE, MOVE = 1.0, 10.0, 10.0
VOICING, BELOW, SKIP = 2.0, 4.0, 8.0


class Track(NamedTuple):
    """Decided frames: `pitch_hz` [K], 0 where unvoiced or quiet; `voicing` [K] of that candidate, or the best one."""

    pitch_hz: Doubles
    voicing: Doubles


class ViterbiState(NamedTuple):
    """What the search keeps: frames so far, costs [7] and 10 ln pitch [6] at the last, weak frames in a row.

    waiting: candidates of the last frames (29 at most), with the states before each [n, 7] and the best one [n].
    """

    num_frames: int
    costs: Doubles
    log_hz: Doubles
    num_weak: int
    waiting: Candidates
    before: Ints
    best: Ints


def begin() -> ViterbiState:
    """The state before the first frame."""
    none = np.zeros((0, NUM_CANDIDATES))
    nothing = np.zeros(0, np.intp)
    return ViterbiState(
        0,
        np.zeros(NUM_STATES),
        np.zeros(NUM_CANDIDATES),
        0,
        Candidates(none, none, nothing.astype(bool)),
        np.zeros((0, NUM_STATES), np.intp),
        nothing,
    )


def decide(candidates: Candidates, state: ViterbiState, is_last: bool) -> tuple[Track, ViterbiState]:
    """The track of the frames that can be decided with these K more, all that are left where they are the last.

    >>> at_200 = np.zeros((40, 6)) + np.array([200.0, 0, 0, 0, 0, 0])
    >>> voicing = np.zeros((40, 6)) + np.array([0.9, 0, 0, 0, 0, 0])
    >>> track, _ = decide(Candidates(at_200, voicing, np.zeros(40, bool)), begin(), is_last=False)
    >>> len(track.pitch_hz), float(track.pitch_hz[0])
    (11, 200.0)
    """
    if len(candidates.pitch_hz):
        state = _search(candidates, state)
    num_known = len(state.best)
    num = num_known if is_last else max(0, num_known - LAG)
    chosen = _trace_back(state, num)
    is_voiced = chosen < UNVOICED
    rows, place = np.arange(num), np.where(is_voiced, chosen, 0)
    loud = ~state.waiting.is_quiet[:num]
    track = Track(
        np.where(is_voiced & loud, state.waiting.pitch_hz[rows, place], 0.0),
        np.where(loud, state.waiting.voicing[rows, place], 0.0),
    )
    left = state.waiting.part(num, num_known)
    return track, state._replace(waiting=left, before=state.before[num:], best=state.best[num:])


def local_costs(candidates: Candidates) -> Doubles:
    """Cost of every state at every frame [K, 7]; infinite for candidates that there are not.

    A candidate: 2 (-ln v + 4 where v < 0.7), and for a pitch outside 100..350 Hz (100 - f) / 100 below, (f - 350) / 250
    above, 1.2 beyond 600 Hz. Unvoiced: 8 where the best candidate reaches 0.7.
    """
    f, v = candidates.pitch_hz, candidates.voicing
    costs = np.full((len(f), NUM_STATES), np.inf)
    there = (f > 0) & (v > 0)
    logarithm = np.log(np.where(there, v, 1.0))
    far = np.select([f < 100, f <= 350, f <= 600], [(100 - f) / 100, 0.0, (f - 350) / 250], 1.2)
    costs[:, :UNVOICED] = np.where(there, VOICING * (BELOW * (v < THRESHOLD) - logarithm) + far, np.inf)
    costs[:, UNVOICED] = np.where(v[:, 0] >= THRESHOLD, SKIP, 0.0)
    return costs


def _search(candidates: Candidates, state: ViterbiState) -> ViterbiState:
    """The state after K more frames, all of them waiting."""
    num = len(candidates.pitch_hz)
    local = local_costs(candidates)
    log_hz = MOVE * np.log(np.where(candidates.pitch_hz > 0, candidates.pitch_hz, 1.0))
    places = np.arange(num)
    strong = np.where(candidates.voicing[:, 0] >= THRESHOLD, places, -1 - state.num_weak)
    num_weak = places - np.maximum.accumulate(strong)
    is_searched = num_weak <= WEAK_FRAMES
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_searched, [False]])))
    starts, stops = edges[0::2], edges[1::2]
    order = np.argsort(starts - stops, kind="stable")
    starts, lengths = starts[order], (stops - starts)[order]
    costs = np.full((len(starts), NUM_STATES), np.inf)
    costs[:, UNVOICED] = 0.0  # what was before a stretch was unvoiced
    pitch = np.zeros((len(starts), NUM_CANDIDATES))
    before, best = np.full((num, NUM_STATES), UNVOICED), np.full(num, UNVOICED)
    first = np.flatnonzero(starts == 0)
    if len(first) and state.num_weak <= WEAK_FRAMES:
        costs[first[0]], pitch[first[0]] = state.costs, state.log_hz
    last = np.flatnonzero(starts + lengths == num).tolist()  # the stretch that goes on, where there is one
    num_steps = int(lengths[0]) if len(lengths) else 0
    for step, active in enumerate(np.searchsorted(-lengths, -np.arange(num_steps)).tolist()):
        here = starts[:active] + step
        number = state.num_frames + here
        costs, before[here] = _advance(costs[:active], pitch[:active], log_hz[here], number)
        costs += local[here]
        best[here], pitch = costs.argmin(axis=1), log_hz[here]
        if last and step == lengths[last[0]] - 1:
            state = state._replace(costs=costs[last[0]], log_hz=pitch[last[0]])
    joined = Candidates.join([state.waiting, candidates])
    return state._replace(
        num_frames=state.num_frames + num,
        num_weak=int(num_weak[-1]),
        waiting=joined,
        before=np.concatenate([state.before, before]),
        best=np.concatenate([state.best, best]),
    )


def _advance(costs: Doubles, before: Doubles, now: Doubles, number: Ints) -> tuple[Doubles, Ints]:
    """Cheapest way to each state [A, 7] of frames with these numbers, and the state that it comes from, of A stretches.

    before, now: 10 ln f of the candidates [A, 6]. Unvoiced stays so for 1, changes cost 10. From candidate i to j: 10
    (|ln f_j / f_i| + e); e is the same again for i = 0, and |ln f_i / f_(i-1)|, of two candidates of one frame, for i >
    0. (It looks as if the last step of an earlier comparison was meant.) From the first to the first candidate of the
    second frame of all, e is 1 more.
    """
    ways = np.full((len(costs), NUM_STATES, NUM_STATES), CHANGE)
    inner = ways[:, :UNVOICED, :UNVOICED]
    np.abs(now[:, None, :] - before[:, :, None], out=inner)
    inner[:, 0] *= 2
    inner[:, 1:] += np.abs(before[:, 1:] - before[:, :-1])[:, :, None]
    ways[:, UNVOICED, UNVOICED] = STAY_UNVOICED
    if number[0] <= 1 or number.min() <= 1:
        inner[number == 1, 0, 0] += MOVE
        ways[number == 0] = 0.0  # nothing was before the first frame of all
    ways += costs[:, :, None]
    return ways.min(axis=1), ways.argmin(axis=1)


def _trace_back(state: ViterbiState, num: int) -> Ints:
    """State of each of the first `num` waiting frames on the best path 29 frames later, or where its stretch ends.

    Twenty-nine steps back are sixteen, eight, four and one: each map of so many is two of half as many. Where a stretch
    has ended, the state is unvoiced, and so is the best path's; after the last frame of all nothing changes.
    """
    same = np.tile(np.arange(NUM_STATES), (LAG, 1))
    one = np.concatenate([state.before, same])[1:]  # from frame i + 1 to frame i
    maps, size = {1: one}, 1
    while size < 16:
        maps[2 * size] = np.take_along_axis(maps[size][:-size], maps[size][size:], axis=1)
        size *= 2
    places = np.arange(num)
    chosen = state.best[np.minimum(places + LAG, len(state.best) - 1)]
    for size, ahead in ((16, 13), (8, 5), (4, 1), (1, 0)):
        chosen = maps[size][places + ahead, chosen]
    return chosen
