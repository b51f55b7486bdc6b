"""What a run's settings come to: the model's configuration, its objective, its steps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.pretraining.settings import PretrainSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from tokenmill.model.config import ModelConfig
    from tokenmill.objectives.batches import Objective
    from tokenmill.pretraining.budget import Budget


@dataclass(frozen=True)
class Setup:
    """A run of pretraining before it begins."""

    config: "ModelConfig"
    objective: "Objective"
    budget: "Budget"

    def rows_at_once(self, runtime: RuntimeSettings) -> int:
        """Rows that one process computes at a time."""
        own = -(-self.budget.batch_rows // (runtime.devices * runtime.nodes))
        return min(own, runtime.micro_batch or own)


def set_up(
    settings: PretrainSettings, vocab_size: int, training_tokens: int, tokenizer: "Tokenizer"
) -> Setup:
    """The run of these settings on ``training_tokens`` tokens of ``tokenizer``.

    Raises:
        UserError: the settings do not fit together, or not with the tokenizer.
    """
    from tokenmill.model.families import family_config
    from tokenmill.objectives.batches import new_objective
    from tokenmill.pretraining.budget import new_budget
    from tokenmill.pretraining.language import stream_tokens

    config = family_config(settings.family, vocab_size=vocab_size, **settings.shape)
    objective = new_objective(
        settings.objective,
        share=settings.mask_share,
        units=settings.mask_units,
        mean_span=settings.mean_span,
        apart=settings.packing == "apart",
        tokenizer=tokenizer,
    )
    budget = new_budget(
        settings.budget(training_tokens),
        row_tokens=stream_tokens(objective, config),
        batch_rows=settings.batch_rows,
        learning_rate=settings.learning_rate,
    )
    return Setup(config, objective, budget)
