"""Tiny models with random weights, of each kind that is measured, and small texts of our own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.samples import reviews, splits, write_clean
from tests.tiny_models import tiny_model, write_tokenizer
from tokenmill.core.files import digest_tree, read_json
from tokenmill.data.documents.questions import join_questions
from tokenmill.data.documents.spans import write_spans
from tokenmill.evaluation.run import evaluate
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.jobs.runtime import RuntimeSettings
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import save_model
from tokenmill.model.names import Kind, bio_labels
from tokenmill.pretraining.settings import RANDOM, PretrainSettings
from tokenmill.text.tokenizer import fingerprint

DO = ("看", "买", "喜欢", "读完")
WHAT = ("电影", "书", "音乐", "新书", "词典", "地图", "报纸", "杂志", "邮票")
TAGGED = {
    f"我{do}{what}。": f"我/r {do}/v {what}/n 。/w"
    for do, what in ((DO[n % len(DO)], WHAT[n % len(WHAT)]) for n in range(36))
}
"""Texts whose words have tags."""
TAGS = ("n", "r", "v", "w")
LABELS = {"speech": TAGS, "names": bio_labels(["THING", "WHO"])}
ENTITIES = {"n": "THING", "r": "WHO"}
"""Tags that stand for an entity."""
QUIZ = {
    text: write_spans(spans)
    for text, spans in (
        join_questions(
            f"{who}{do}{what}。", [("谁？", [(0, 2)]), ("做什么？", [(2, 2 + len(do))]), ("哪里？", [])]
        )
        for who in ("张三", "李四")
        for do in DO
        for what in WHAT
    )
}
"""Passages with questions, of which the last has no answer."""
SOURCES = {
    "news": splits([(f"今天是{n}月{n}日。", None) for n in range(40)]),
    "letters": splits(reviews(200, seed=3)),
    "diary": splits([(text, None) for text in TAGGED]),
    "quiz": splits([(text, None) for text in QUIZ]),
}
KINDS: dict[str, Kind] = {
    "scribe": "causal-lm",
    "gaps": "masked-lm",
    "replies": "text-to-text",
    "mood": "sequence-classifier",
    "speech": "token-classifier",
    "names": "character-classifier",
    "reader": "span-extractor",
}
FINETUNING = {"mood": "letters", "speech": "diary", "names": "diary", "reader": "quiz"}
"""The sources of tasks."""
PRETRAINING = {
    "scribe": {"family": "small-gpt", "objective": "causal"},
    "gaps": {"family": "small-bert", "objective": "masked", "mlm_probability": 0.3},
    "replies": {"family": "small-t5", "objective": "span-corruption"},
}


@dataclass
class Project:
    """data/clean and models below one folder."""

    root: Path
    out: dict[str, Path] = field(init=False)
    metrics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clean = self.root / "data/clean"
        self.tokenizer = self.root / "tokenizer"

    def model(self, name: str) -> Path:
        return self.root / "data/models" / name

    def save_model(self, name: str, seed: int = 1, folder: Path | None = None, **ancestry: Any) -> None:
        """A model of random weights that descends from the data at hand; ``ancestry`` overrides."""
        labels = {"labels": LABELS[name]} if name in LABELS else {}
        model = tiny_model(KINDS[name], seed, vocab_size=320, layers=1, width=16, **labels)
        for parameter in model.parameters():  # heads start at zero, which would make every answer the same
            torch.nn.init.normal_(parameter, std=0.3)
        known: dict[str, Any] = {"tokenizer": fingerprint(self.tokenizer)}
        if name in PRETRAINING:
            raw = read_json(self.clean / "manifest.json", "")["raw"]
            settings = PretrainSettings(
                tokenizer="words", init_from=RANDOM, layers=1, width=16, heads=2, context=32, tokens=100,
                seed=1, **PRETRAINING[name],
            )  # fmt: skip
            known["pretrain"] = settings.model_dump()
            known["sources"] = ["news", "letters"]
            known["data"] = {"raw": {source: values["sha256"] for source, values in raw.items()}}
        else:
            known["documents"] = digest_tree(self.clean)
            known["finetune"] = {"source": FINETUNING.get(name, "letters"), "init_from": "data/models/scribe"}
            if name == "names":
                known["finetune"]["labels"] = ENTITIES
        save_model(
            folder or self.model(name), model, tokenizer=self.tokenizer, ancestry={**known, **ancestry}
        )

    def evaluate(self, name: str, **settings: Any) -> dict[str, Any]:
        """Run evaluate; returns figures.json."""
        number = len(list(self.root.glob("out-*")))
        self.out = {
            "evaluation": self.root / f"out-{number}" / name,
            "calibration": self.root / f"out-{number}" / f"calibration-{name}.csv",
        }
        chosen = EvaluateSettings(**{"ngram_order": 3, "max_new_tokens": 5, **settings})
        evaluate(name, chosen, self.clean, self.model(name), self, RuntimeSettings(threads=1))  # type: ignore[arg-type]
        return read_json(self.out["evaluation"] / "figures.json", "")

    @property
    def digests(self) -> dict[str, str]:
        """As a job has them."""
        return {"clean": digest_tree(self.clean)}

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """As a job does."""
        self.metrics = metrics


def make(root: Path) -> Project:
    """A project with data and a model of each kind."""
    project = Project(root)
    write_clean(project.clean, SOURCES, TAGGED, QUIZ)
    write_tokenizer(project.tokenizer)
    for name in KINDS:
        project.save_model(name)
    for name in FINETUNING:
        project.save_model(name, seed=4, folder=project.model(name) / CONTROL)
    return project
