"""``python -m tests.stages.stopped_pretrain NAME``: the stage, whose first process gets a SIGTERM in step 12.

Lightning starts the others with the same words.
"""

import os
import signal
from typing import Any

from stages.pretrain import main
from tokenmill.jobs.job import run_main
from tokenmill.training import parallel
from tokenmill.training.module import TrainingModule

STEP = 12
training_step = TrainingModule.training_step


def interrupted_step(self: TrainingModule, batch: Any, batch_idx: int) -> Any:
    """The training step, during which the signal comes."""
    if batch.step == STEP and parallel.rank() == 0:
        os.kill(os.getpid(), signal.SIGTERM)
    return training_step(self, batch, batch_idx)


if __name__ == "__main__":
    TrainingModule.training_step = interrupted_step  # type: ignore[method-assign]
    run_main(main)
