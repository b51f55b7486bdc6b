"""Tiny models with random weights on small texts of our own, and the inputs that evaluate reads."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lm.tokenizer import fingerprint
from stages.params import EvaluateSettings, TokenizeSettings
from stages.publish import digest_tree, write_text
from stages.tokenize.run import tokenize
from tests.samples import reviews, splits, write_clean

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
            "sentiment": data / "models/sentiment",
            "control": data / "models/sentiment-control",
            "curve_gpt": data / "plots/pretrain-gpt.csv",
            "curve_bert": data / "plots/pretrain-bert.csv",
        }
        self.out = {name: self.root / "out" / name for name in ("evaluation", "confusion", "calibration")}

    @property
    def digests(self) -> dict[str, str]:
        return {name: digest_tree(path) for name, path in self.paths.items()}

    def save_model(self, name: str, kind: str, seed: int, **ancestry: Any) -> None:
        """A model of random weights that descends from the shards at hand; ``ancestry`` overrides."""
        import torch

        from lm.checkpoint import save_model
        from lm.config import ModelConfig
        from lm.heads import build_model
        from stages.shards import read_manifest

        tokens = self.paths["tokens"]
        labels = ("negative", "positive") if kind == "sequence-classifier" else ()
        config = ModelConfig(
            kind=kind,
            vocab_size=read_manifest(tokens)["vocab_size"],
            layers=1,
            width=16,
            heads=2,
            context=32,
            labels=labels,
        )
        torch.manual_seed(seed)
        model = build_model(config)
        for parameter in model.parameters():  # heads start at zero, which would make every answer the same
            torch.nn.init.normal_(parameter, std=0.3)
        digests = {"shards": digest_tree(tokens), "documents": digest_tree(self.paths["clean"])}
        settings = {"pretrain": {"mask_share": 0.25, "layers": 1}, "finetune": {"source": "reviews"}}
        save_model(
            self.paths[name],
            model,
            tokenizer_json=(tokens / "tokenizer.json").read_bytes(),
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
    inputs.save_model("sentiment", "sequence-classifier", 3)
    inputs.save_model("control", "sequence-classifier", 4)
    write_text(inputs.paths["curve_gpt"], CURVE + "100,validation,5.1,9.5,\n200,validation,4.2,0.01,\n")
    write_text(inputs.paths["curve_bert"], CURVE + "100,validation,5.1,,0.1\n200,validation,4.2,,0.2\n")
    return inputs


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return make(tmp_path)
