"""Classifiers whose texts have several labels, or a number: figures against predictions, beside rivals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import f1_score, mean_absolute_error, r2_score

from tests.evaluation.helpers import Project
from tests.samples import BAD, GOOD, reviews, splits, write_clean
from tests.tiny_models import tiny_model, write_tokenizer
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.evaluation.settings import FIGURES
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import save_model
from tokenmill.text.tokenizer import fingerprint

WORDS = {"room": "房间", "service": "服务", "story": "故事"}
SEVERAL = "multi_label_classification"


def project(root: Path, source: str, documents: list[tuple[str, str]], **config: Any) -> Project:
    """A project with one source and a model ``mine`` of random weights for it, which has a control."""
    made = Project(root)
    write_clean(made.clean, {source: splits(documents)})
    write_tokenizer(made.tokenizer)
    for seed, folder in ((1, made.model("mine")), (4, made.model("mine") / CONTROL)):
        model = tiny_model("sequence-classifier", seed, vocab_size=320, layers=1, width=16, **config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        ancestry = {
            "tokenizer": fingerprint(made.tokenizer),
            "documents": digest_tree(made.clean),
            "task": "classification",
            "finetune": {"source": source, "separator": "; "},
        }
        save_model(folder, model, tokenizer=made.tokenizer, ancestry=ancestry)
    return made


def topics() -> list[tuple[str, str]]:
    """Reviews with all that they speak of; some with nothing of it."""
    texts = [text for text, _ in reviews(160, seed=5)]
    return [(text, "; ".join(name for name, word in WORDS.items() if word in text) or ";") for text in texts]


def numbers() -> list[tuple[str, str]]:
    """Reviews with the number of what is good in them less that of what is bad."""
    texts = [text for text, _ in reviews(160, seed=6)]
    return [(text, str(sum(w in text for w in GOOD) - sum(w in text for w in BAD))) for text in texts]


def test_several_labels(tmp_path: Path) -> None:
    made = project(tmp_path, "topics", topics(), labels=tuple(WORDS), problem_type=SEVERAL)
    found = made.evaluate("mine")
    assert found["kind"] == "multi-label-classifier" and set(FIGURES[found["kind"]]) <= set(found["figures"])
    assert found["headline"]["metric"] == "micro_f1"
    table = pl.read_parquet(made.out["evaluation"] / "predictions.parquet")

    def matrix(column: str) -> Any:
        return [[label in row.split("; ") for label in WORDS] for row in table[column]]

    for prefix, figures in (("", found["figures"]), ("tfidf_", found["rivals"]["tfidf"])):
        said, actual = np.array(matrix(f"{prefix}predicted")), np.array(matrix("label"))
        assert figures["micro_f1"] == pytest.approx(f1_score(actual, said, average="micro"), abs=1e-6)
        expected = f1_score(actual, said, average="macro", zero_division=0)
        assert figures["f1"] == pytest.approx(expected, abs=1e-6)
        assert figures["subset_accuracy"] == pytest.approx((said == actual).all(1).mean(), abs=1e-6)
        assert figures["micro_f1_low"] <= figures["micro_f1"] <= figures["micro_f1_high"]
    assert found["rivals"]["tfidf"]["micro_f1"] > 0.8 > found["figures"]["micro_f1"]
    compared = found["comparisons"]["tfidf"]
    assert compared["low"] < compared["gain"] < compared["high"] < 0 and compared["p_value"] < 0.01
    assert set(found["comparisons"]) == set(found["rivals"]) == {"control", "tfidf"}


def test_a_number(tmp_path: Path) -> None:
    made = project(tmp_path, "stars", numbers(), labels=("value",), problem_type="regression")
    found = made.evaluate("mine")
    assert (found["kind"], found["headline"]["better"]) == ("regressor", "lower")
    table = pl.read_parquet(made.out["evaluation"] / "predictions.parquet")
    actual = table["label"].cast(pl.Float64).to_numpy()
    for prefix, figures in (("", found["figures"]), ("tfidf_", found["rivals"]["tfidf"])):
        said = table[f"{prefix}predicted"].cast(pl.Float64).to_numpy()
        error = mean_absolute_error(actual, said)
        assert figures["mean_absolute_error"] == pytest.approx(error, abs=1e-3)
        assert figures["r2"] == pytest.approx(r2_score(actual, said), abs=1e-2)
        assert figures["mean_absolute_error_low"] < error < figures["mean_absolute_error_high"]
    rivals = found["rivals"]
    assert rivals["tfidf"]["r2"] > 0.5 > rivals["mean"]["r2"] and rivals["mean"]["spearman"] == 0
    compared = found["comparisons"]["tfidf"]
    gain = rivals["tfidf"]["mean_absolute_error"] - found["figures"]["mean_absolute_error"]
    assert compared["gain"] == pytest.approx(gain, abs=1e-5) and compared["gain"] < 0
    assert made.out["calibration"].read_text() == "confidence,accuracy,count\n"


def test_labels_of_another_problem(tmp_path: Path) -> None:
    made = project(tmp_path / "a", "stars", topics(), labels=("value",), problem_type="regression")
    with pytest.raises(UserError, match=r"is .*, no number; mend the labels"):
        made.evaluate("mine")
    made = project(tmp_path / "b", "topics", topics(), labels=("room", "odd"), problem_type=SEVERAL)
    with pytest.raises(UserError, match=r"label 'service' is not among those of .*mine \(room, odd\)"):
        made.evaluate("mine")


@pytest.mark.parametrize("problem", [SEVERAL, "regression"])
def test_equal_inputs_give_equal_bytes(tmp_path: Path, problem: str) -> None:
    labels = tuple(WORDS) if problem == SEVERAL else ("value",)
    rows = topics() if problem == SEVERAL else numbers()
    made = project(tmp_path, "texts", rows, labels=labels, problem_type=problem)
    digests = []
    for _ in range(2):
        assert json.dumps(made.evaluate("mine"))
        digests.append(digest_tree(made.out["evaluation"].parent))
    assert digests[0] == digests[1]
