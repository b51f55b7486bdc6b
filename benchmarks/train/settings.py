"""What one side is told."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What to train, how long and on what."""

    objective: str
    """causal, masked or span-corruption."""
    shape: dict[str, int]
    """layers, width, heads and context; a text-to-text model has as many layers in its decoder."""
    steps: int
    rows: int
    """Rows of the context in one step."""
    learning_rate: float
    threads: int
    tokens: str = ""
    """Folder of token shards with their tokenizer, such as data/tokens; empty: random tokens."""
    vocab_size: int = 0
    """Of random tokens."""
    points: int = 0
    """How often validation is measured after the beginning; 0: never, not even there."""
    rows_at_once: int = 0
    """Rows that go through the model at a time; 0: all of a step's."""
    device: str = "cpu"
    """cpu, or cuda: there the peers compute products in bfloat16 in any case."""
    precision: str = "auto"
    """Of products: float32, bfloat16, or auto: ours by the kind of processor, peers as they are published."""
    start: str = "random"
    """Ours: random, or bigrams."""
    nanogpt: str = ""
    """Folder of a clone of nanoGPT."""

    @property
    def warm_up(self) -> int:
        """The peers' steps of warm-up: 100 as nanoGPT's small settings have it, fewer in short runs."""
        return min(100, self.steps // 3)

    @property
    def parts(self) -> int:
        """Parts that a step's rows are computed in."""
        return self.rows // (self.rows_at_once or self.rows)

    def config(self, vocab_size: int) -> Any:
        """Our model's configuration: the family that params.yaml has for the objective."""
        from tokenmill.model.families import family_config

        families: Any = {"causal": "small-gpt", "masked": "small-bert", "span-corruption": "small-t5"}
        shape: dict[str, Any] = dict(self.shape)
        if self.start == "bigrams":
            shape["head"] = "bilinear"
        return family_config(families[self.objective], vocab_size=vocab_size, **shape)
