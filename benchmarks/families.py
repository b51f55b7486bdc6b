"""Every family beside its published class: the largest difference, weights, memory; and the size of the code.

    python -m benchmarks.families

Differences are over three random models and batches of unequal rows each, in float32, of logits or hidden
states.
"""

from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

import tokenmill
from tests.model.published.references import CASES, reference
from tests.model.published.test_equality import imported, outputs
from tokenmill.model.config import ModelConfig
from tokenmill.model.families import FAMILIES, family_config
from tokenmill.model.heads import build_model

VOCABULARY = 8192
SHAPES: dict[str, dict[str, int]] = {
    "causal-lm": {"layers": 4, "width": 256, "heads": 4, "context": 256},
    "masked-lm": {"layers": 4, "width": 192, "heads": 3, "context": 128},
    "text-to-text": {"layers": 3, "width": 192, "heads": 3, "context": 128},
}
"""That of the default gpt, and such small ones of the other kinds."""


@torch.no_grad()
def largest_difference(case: str) -> float:
    """Over seeds and all places that hold a token, between our model and the published one."""
    worst = 0.0
    for seed in (0, 1, 2):
        published = reference(case, seed)
        theirs, ours, attention_mask = outputs(published, imported(published, CASES[case][0]), seed)
        where = attention_mask if theirs.ndim == 3 else slice(None)
        worst = max(worst, float((ours[where] - theirs[where]).abs().max()))
    return worst


def default_config(family: str) -> ModelConfig:
    """A family at the size of its kind in SHAPES."""
    shape = SHAPES[FAMILIES[family]["kind"]]  # type: ignore[index]
    return family_config(family, vocab_size=VOCABULARY, **shape)  # type: ignore[arg-type]


def main() -> None:
    """Print the three tables."""
    console = Console(highlight=False, width=110)
    equality = Table("case", "published class", "largest difference", box=None)
    for case, (name, _) in CASES.items():
        equality.add_row(case, name, f"{largest_difference(case):.1e}")
    console.print(equality)

    sizes = Table("family", "layers x width", "parameters", "without embeddings", "MB in float32", box=None)
    for family in FAMILIES:
        config = default_config(family)
        model = build_model(config)
        weights = sum(parameter.numel() for parameter in model.parameters())
        inner = weights - model.backbone.embeddings.token.weight.numel()
        layers = f"{config.layers}+{config.decoder_layers}" if config.decoder_layers else str(config.layers)
        sizes.add_row(
            family, f"{layers} x {config.width}", f"{weights:,}", f"{inner:,}", f"{4 * weights / 1e6:.1f}"
        )
    console.print(sizes)

    lines = Table("folder", "files", "lines", "of them code", box=None)
    root = Path(tokenmill.__file__).parent
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != "_"):
        texts = [path.read_text("utf-8") for path in folder.rglob("*.py")]
        every = [line.strip() for text in texts for line in text.splitlines()]
        code = [line for line in every if line and not line.startswith("#")]
        lines.add_row(f"{folder.relative_to(root.parent)}", str(len(texts)), str(len(every)), str(len(code)))
    console.print(lines)


if __name__ == "__main__":
    main()
