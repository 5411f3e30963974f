"""The processes of one training, as `torchrun` starts them: which one this is, and how they wait for each other.

Without `torchrun` there is one, the first, and nothing waits. The first alone writes; the others follow it through the
same steps, and learn their share of every batch (`emotone.training.learners.learner`).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from emotone.base.processes import OVER
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Value = TypeVar("Value")
PATIENCE = timedelta(days=30)
"""How long the others wait for the first, which may extract the features of a large corpus; `torchrun` ends them
where it dies."""
LAST_WORDS = 0.25
"""Seconds, after the last step, for gloo's threads to let go of it, for which they need Python's lock: DDP keeps them
alive for ever, and one that asks an interpreter that is ending for the lock aborts the process."""


@dataclass(frozen=True)
class Ranks:
    """This process among the `size` of a training.

    >>> alone = Ranks()
    >>> alone.is_first, alone.agree("runs/mine")
    (True, 'runs/mine')
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def agree(self, value: Value) -> Value:
        """The first process's value, for all; it is pickled."""
        if self.size == 1:
            return value
        found: list[Any] = [value]
        distributed.broadcast_object_list(found, src=0, device=torch.device("cpu"))
        return found[0]

    @contextlib.contextmanager
    def first_before_others(self) -> Iterator[None]:
        """What the first process does alone, and the others after it, who find what it kept.

        Where it fails, it says why, and the others never come to say it again.
        """
        if not self.is_first:
            self.agree(None)
        yield
        if self.is_first:
            self.agree(None)


def is_follower() -> bool:
    """Whether `torchrun` started this process to follow another, which says all there is to say."""
    return distributed.is_torchelastic_launched() and os.environ["RANK"] != "0"


@contextlib.contextmanager
def gathered(device: str) -> Iterator[Ranks]:
    """The processes that `torchrun` started for this training, connected: by gloo on CPUs, and by NCCL between GPUs.

    Raises EmotoneError for more processes than GPUs on a machine, for `torchrun` within another engine, and where
    another process dies.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or not distributed.is_torchelastic_launched():
        yield Ranks()
        return
    if OVER.get() is not None:
        raise EmotoneError("--engine shares out folds and torchrun batches: leave one of them out")
    if device == "cuda":
        here, there_are = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
        if here > there_are:
            raise EmotoneError(f"torchrun started {here} processes for {there_are} GPUs; start as many as GPUs")
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    _connect("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    except RuntimeError as error:
        if not (isinstance(error, distributed.DistError) or "gloo" in str(error)):
            raise
        raise EmotoneError("another process of this training died; start it again, and it goes on") from error
    distributed.destroy_process_group()
    time.sleep(LAST_WORDS)


def _connect(backend: str) -> None:
    """Find the other processes, of this start: `torchrun` keeps one store, with the addresses of those that died."""
    store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
    store = distributed.PrefixStore(f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)


def make_fabric(device: str, precision: Any) -> Fabric:
    """Fabric for this process alone on one device, or within `gathered` for all, whose gradients it averages."""
    from lightning_fabric import Fabric

    if not distributed.is_initialized():
        return Fabric(accelerator=device, devices=1, precision=precision)
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    num_nodes = distributed.get_world_size() // here
    return Fabric(accelerator=device, devices=here, num_nodes=num_nodes, strategy="ddp", precision=precision)
