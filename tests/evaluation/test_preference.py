"""Preferences: figures of a tiny model beside the one before, from pairs written here."""

import json
import math
import random
from pathlib import Path

import polars as pl
import pytest
import torch

from tests.evaluation.helpers import Project, make
from tests.samples import conversation
from tests.tiny_models import tiny_model
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.data.documents.preferences import read_preference
from tokenmill.evaluation.answers import score_answers
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model, save_model
from tokenmill.model.heads import LanguageModel
from tokenmill.text.preferences import preference_rows
from tokenmill.text.tokenizer import fingerprint

COLUMNS = ("id", "source", "text", "label", "target", "language", "group", "spans", "split")


def write_pairs(clean: Path) -> None:
    draw, rows = random.Random(3), []
    for number in range(40):
        prompt, chosen, rejected = (f"{what} {draw.randrange(90)}" for what in ("books", "films", "tests"))
        text, spans = conversation([("user", prompt), ("chosen", chosen), ("rejected", rejected)])
        split = "test" if number % 2 == 0 else "train"
        rows.append((f"pairs:{number:02d}", "pairs", text, None, None, "en", None, spans, split))
    table = pl.DataFrame(rows, dict.fromkeys(COLUMNS, pl.String), orient="row")
    table.write_parquet(clean / "documents/pairs.parquet")


@pytest.fixture(params=[False, True], ids=["plain", "chat"])
def preferring(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """A model and the one before, with random weights."""
    project = make(tmp_path)
    write_pairs(project.clean)
    known = {
        "tokenizer": fingerprint(project.tokenizer),
        "documents": digest_tree(project.clean),
        "task": "preference",
        "finetune": {"source": "pairs", "beta": 0.5},
    }
    for seed, folder in ((1, project.model("picky")), (4, project.model("picky") / CONTROL)):
        model = tiny_model(seed=seed, layers=1, width=16, context=64)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        save_model(folder, model, tokenizer=project.tokenizer, ancestry=known, chat=request.param)
    return project


def test_figures_are_those_of_the_pairs_beside_the_model_before(preferring: Project) -> None:
    found = preferring.evaluate("picky", prompts=["books"], max_new_tokens=6)
    figures, before = found["figures"], found["rivals"]["control"]
    assert (found["kind"], found["documents"], found["headline"]["metric"]) == (
        "preference",
        20,
        "reward_accuracy",
    )
    nats = []
    for folder in (preferring.model("picky"), preferring.model("picky") / CONTROL):
        model, vocabulary = load_model(folder)
        assert isinstance(model, LanguageModel)
        test = pl.read_parquet(preferring.clean / "documents/pairs.parquet").filter(split="test")
        pairs = [read_preference(text, spans) for text, spans in test.select("text", "spans").iter_rows()]
        rows = [row for pair in pairs if pair for row in preference_rows(vocabulary, pair, 64) or ()]
        nats.append(score_answers(model, vocabulary.pad, rows, ends=True).nats.reshape(-1, 2))
    for part, (chosen, rejected) in ((figures, nats[0].T), (before, nats[1].T)):
        assert part["accuracy"] == pytest.approx(float((chosen < rejected).mean()))
        assert part["accuracy_low"] <= part["accuracy"] <= part["accuracy_high"]
    rewards = 0.5 * (nats[1] - nats[0])
    margins = rewards[:, 0] - rewards[:, 1]
    assert figures["margin"] == pytest.approx(float(margins.mean()), abs=1e-4)
    assert figures["reward_accuracy"] == pytest.approx(float((margins > 0).mean()))
    assert math.isfinite(figures["kl"]) and figures["kl"] > 0
    assert before["reward_accuracy"] == 0.5, "it rewards nothing"
    gain = figures["reward_accuracy"] - 0.5
    assert found["comparisons"]["control"]["gain"] == pytest.approx(gain, abs=1e-5)
    samples = json.loads((preferring.out["evaluation"] / "samples.json").read_text("utf-8"))
    assert len(samples) == 2 and samples[1]["prompt"].startswith("the model before: ")


def test_a_model_that_has_not_moved_is_no_distance_from_its_start(preferring: Project) -> None:
    folder = preferring.model("picky")
    (folder / "model.safetensors").write_bytes((folder / CONTROL / "model.safetensors").read_bytes())
    figures = preferring.evaluate("picky", max_new_tokens=6)["figures"]
    assert (figures["kl"], figures["margin"], figures["reward_accuracy"]) == (0, 0, 0.5)


def test_without_the_model_before_one_line_says_so(preferring: Project) -> None:
    control = preferring.model("picky") / CONTROL
    control.rename(control.with_name("elsewhere"))
    with pytest.raises(UserError, match="control: the model before is missing; restore it with"):
        preferring.evaluate("picky", max_new_tokens=6)
