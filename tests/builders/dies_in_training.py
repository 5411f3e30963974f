"""Started by `torchrun` with the arguments of the command line: the second process is killed in the fourth round."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

from torch import Tensor

from emotone.cli.main import main
from emotone.training.learners.learner import PlainLearner

learn = PlainLearner.round


def learn_or_die(self: PlainLearner, number: int) -> Iterator[Tensor]:
    if number == 3 and os.environ["RANK"] == "1":
        print("dies in round 3", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(self, number)


if __name__ == "__main__":
    PlainLearner.round = learn_or_die  # type: ignore[method-assign]
    sys.exit(main())
