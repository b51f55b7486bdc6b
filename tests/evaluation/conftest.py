"""Tiny models with random weights on small texts of our own, and the inputs that evaluate reads."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.samples import reviews, splits, write_clean
from tests.tiny_models import tiny_model
from tokenmill.core.files import digest_tree, write_text
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.model.names import KIND_OF, Kind
from tokenmill.text.tokenizer import fingerprint
from tokenmill.tokenization.run import tokenize
from tokenmill.tokenization.settings import TokenizeSettings

SETTINGS = EvaluateSettings(
    ngram_order=3, prompts=["房间", "早餐"], max_new_tokens=5, temperature=0.8, seed=1
)
SOURCES = {
    "peoples-daily": splits([(f"今天是{n}月{n}日。", None) for n in range(40)]),
    "reviews": splits(reviews(200, seed=3)),
}
CURVE = "tokens,split,loss,bits_per_byte,accuracy\n"


@dataclass
class Inputs:
    """What evaluate reads, below one folder, and where it is to write."""

    root: Path
    settings: EvaluateSettings = SETTINGS
    paths: dict[str, Path] = field(init=False)
    out: dict[str, Path] = field(init=False)

    def __post_init__(self) -> None:
        data = self.root / "data"
        self.paths = {
            "clean": data / "clean",
            "tokens": data / "tokens",
            "gpt": data / "models/gpt",
            "bert": data / "models/bert",
            "t5": data / "models/t5",
            "sentiment": data / "models/sentiment",
            "control": data / "models/sentiment-control",
            "curve_gpt": data / "plots/pretrain-gpt.csv",
            "curve_bert": data / "plots/pretrain-bert.csv",
            "curve_t5": data / "plots/pretrain-t5.csv",
        }
        self.out = {name: self.root / "out" / name for name in ("evaluation", "confusion", "calibration")}

    @property
    def digests(self) -> dict[str, str]:
        return {name: digest_tree(path) for name, path in self.paths.items()}

    def save_model(self, name: str, kind: Kind, seed: int, **ancestry: Any) -> None:
        """A model of random weights that descends from the shards at hand; ``ancestry`` overrides."""
        import torch

        from tokenmill.model.folder import save_model
        from tokenmill.text.shards import read_manifest

        tokens = self.paths["tokens"]
        vocab_size = read_manifest(tokens)["vocab_size"]
        model = tiny_model(kind, seed, vocab_size=vocab_size, layers=1, width=16)
        for parameter in model.parameters():  # heads start at zero, which would make every answer the same
            torch.nn.init.normal_(parameter, std=0.3)
        digests = {"shards": digest_tree(tokens), "documents": digest_tree(self.paths["clean"])}
        objective = {name: how for how, name in KIND_OF.items()}.get(kind, "masked")
        hidden = {"objective": objective, "mask_share": 0.25, "mask_units": "tokens", "mean_span": 3.0}
        settings = {
            "pretrain": {**hidden, "packing": "stream", "layers": 1},
            "finetune": {"source": "reviews", "init_from": "data/models/gpt"},
        }
        save_model(
            self.paths[name],
            model,
            tokenizer=tokens,
            ancestry={"tokenizer": fingerprint(tokens), **digests, **settings, **ancestry},
        )


def make(root: Path) -> Inputs:
    inputs = Inputs(root)
    write_clean(inputs.paths["clean"], SOURCES)
    tokenize(
        inputs.paths["clean"],
        inputs.paths["tokens"],
        TokenizeSettings(
            sources=["peoples-daily", "reviews"],
            algorithm="bpe",
            vocab_size=360,
            max_han_run=4,
        ),
    )
    inputs.save_model("gpt", "causal-lm", 1)
    inputs.save_model("bert", "masked-lm", 2)
    inputs.save_model("t5", "text-to-text", 5)
    inputs.save_model("sentiment", "sequence-classifier", 3)
    inputs.save_model("control", "sequence-classifier", 4)
    write_text(inputs.paths["curve_gpt"], CURVE + "100,validation,5.1,9.5,\n200,validation,4.2,0.01,\n")
    for name in ("bert", "t5"):
        rows = "100,validation,5.1,,0.1\n200,validation,4.2,,0.2\n"
        write_text(inputs.paths[f"curve_{name}"], CURVE + rows)
    return inputs


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return make(tmp_path)
