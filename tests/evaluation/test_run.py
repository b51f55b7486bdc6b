"""Evaluating real, tiny models of every kind: figures, files, and what is refused."""

import json
import re
import shutil

import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.evaluation.helpers import KINDS, SOURCES, Project
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.evaluation.kinds import MEASURES
from tokenmill.evaluation.settings import FIGURES
from tokenmill.model.digest import CONTROL
from tokenmill.model.folder import load_model
from tokenmill.model.heads import LanguageModel


def test_the_table_of_figures_and_that_of_measures_name_the_same_kinds() -> None:
    assert list(FIGURES) == list(MEASURES)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_its_figures_beside_its_rivals(shared: Project, name: str) -> None:
    found = shared.evaluate(name)
    kind = KINDS[name]
    assert (found["kind"], found["name"]) == (kind, name)
    assert set(FIGURES[kind]) <= set(found["figures"])
    headline = found["headline"]
    assert headline["metric"] == FIGURES[kind][0]
    assert headline["value"] == found["figures"][headline["metric"]]
    assert headline["better"] == ("lower" if kind == "causal-lm" else "higher")
    assert found["rivals"]
    for rival in found["rivals"].values():
        assert rival["label"] and set(FIGURES[kind]) <= set(rival)
    assert shared.metrics == {
        headline["metric"]: headline["value"],
        "rivals": {rival: values[headline["metric"]] for rival, values in found["rivals"].items()},
    }
    assert found["parameters"] > 0 and re.fullmatch("[0-9a-f]{64}", found["test_digest"])
    calibration = pl.read_csv(shared.out["calibration"])
    assert calibration.columns == ["confidence", "accuracy", "count"]
    assert calibration["confidence"].is_sorted() and calibration["accuracy"].is_between(0, 1).all()


def test_a_causal_model_beside_the_ngram(shared: Project) -> None:
    found = shared.evaluate("scribe")
    ngram = found["rivals"]["ngram"]
    assert ngram["label"].startswith("3-gram")
    # Random weights know nothing, the n-gram model was trained.
    assert found["figures"]["bits_per_byte"] > 2 * ngram["bits_per_byte"] > 0
    assert found["figures"]["perplexity"] > ngram["perplexity"] > 1
    assert ngram["curve_bits_per_byte"] > 0
    assert found["documents"] == 30 + 6 and found["sources"] == ["news", "letters"]


def test_language_models_share_a_test_set_and_sources_choose_it(shared: Project) -> None:
    both, other = shared.evaluate("gaps"), shared.evaluate("replies")
    assert both["test_digest"] == other["test_digest"]
    assert shared.evaluate("gaps", sources=["news"])["test_digest"] != both["test_digest"]
    assert shared.evaluate("gaps", sources=["news"])["documents"] == 6


def test_hidden_tokens_beside_training_frequencies(shared: Project) -> None:
    found = shared.evaluate("gaps")
    unigram = found["rivals"]["unigram"]
    assert 0 <= found["figures"]["accuracy"] < 0.2 and 0 < unigram["accuracy"] < 1
    assert found["figures"]["loss"] > unigram["loss"] > 0


def test_a_model_that_repeats_what_it_reads_finds_no_hidden_token(made: Project) -> None:
    """A tenth of the targets of a training batch stands unchanged in the input."""
    folder = made.model("gaps")
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        if weight.ndim == 1:
            weight.fill_(float("norm" in name))
        elif "embed" in name:
            weight.div_(weight.norm(dim=1, keepdim=True))
        else:
            weight.copy_(torch.eye(*weight.shape) if "dense" in name else torch.zeros_like(weight))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model, vocabulary = load_model(folder)
    assert isinstance(model, LanguageModel)
    tokens = torch.tensor(vocabulary.encode(["今天是1月1日。"]))
    assert bool((model.logits(model.backbone(tokens)).argmax(-1) == tokens).all())
    assert made.evaluate("gaps")["figures"]["accuracy"] == 0


def test_a_classifiers_figures_are_those_of_its_predictions(shared: Project) -> None:
    found = shared.evaluate("mood")
    table = pl.read_parquet(shared.out["evaluation"] / "predictions.parquet")
    test = dict(SOURCES["letters"]["test"])
    assert dict(zip(table["text"], table["label"], strict=True)) == test
    assert found["documents"] == len(test) == 30
    parts = {"": found["figures"], "control_": found["rivals"]["control"], "tfidf_": found["rivals"]["tfidf"]}
    for prefix, part in parts.items():
        accuracy = (table["label"] == table[f"{prefix}predicted"]).mean()
        assert part["accuracy"] == pytest.approx(accuracy, abs=1e-6)
        assert part["accuracy_low"] < accuracy < part["accuracy_high"] or accuracy == 1
    assert found["rivals"]["tfidf"]["accuracy"] > 0.9 > found["figures"]["accuracy"]
    compared = found["comparisons"]["tfidf"]
    gain = found["figures"]["accuracy"] - found["rivals"]["tfidf"]["accuracy"]
    assert compared["gain"] == pytest.approx(gain, abs=2e-6) and compared["p_value"] < 0.05
    assert compared["low"] < compared["gain"] < compared["high"]
    confusion = pl.read_csv(shared.out["evaluation"] / "confusion.csv")
    right = confusion.filter(pl.col("actual") == pl.col("predicted"))["documents"].sum()
    assert right / 30 == pytest.approx(found["figures"]["accuracy"], abs=1e-6)
    calibration = pl.read_csv(shared.out["calibration"])
    errors = calibration["count"] * (calibration["accuracy"] - calibration["confidence"]).abs()
    assert errors.sum() / 30 == pytest.approx(found["figures"]["calibration_error"], abs=1e-5)


def test_a_classifier_without_a_control_has_one_rival_less(made: Project) -> None:
    shutil.rmtree(made.model("mood") / CONTROL)
    assert list(made.evaluate("mood")["rivals"]) == ["tfidf"]


def test_samples_continue_every_prompt_with_draws_of_its_own(shared: Project) -> None:
    shared.evaluate("scribe", prompts=["房间", "房间"])
    first, second = json.loads((shared.out["evaluation"] / "samples.json").read_text("utf-8"))
    assert first["prompt"] == second["prompt"] == "房间"
    assert len(first["continuations"]) == 3 and first["continuations"] != second["continuations"]
    shared.evaluate("replies", prompts=["房间"])
    assert len(json.loads((shared.out["evaluation"] / "samples.json").read_text("utf-8"))) == 1
    shared.evaluate("scribe")
    assert not (shared.out["evaluation"] / "samples.json").exists()


def test_a_prompt_too_long_is_refused_and_nothing_is_written(shared: Project) -> None:
    with pytest.raises(UserError, match="context is 32"):
        shared.evaluate("scribe", prompts=["房间"], max_new_tokens=100)
    assert not shared.out["evaluation"].exists()


@pytest.mark.parametrize("name", KINDS)
def test_equal_inputs_give_equal_bytes(shared: Project, name: str) -> None:
    folders = []
    for _ in range(2):
        shared.evaluate(name)
        folders.append(shared.out["evaluation"].parent)
    assert digest_tree(folders[0]) == digest_tree(folders[1])


def test_a_downloaded_model_is_told_what_it_is_measured_on(made: Project) -> None:
    (made.model("scribe") / "ancestry.json").unlink()
    with pytest.raises(UserError, match=r"evaluate\.scribe\.sources is missing, and .* does not say what"):
        made.evaluate("scribe")
    found = made.evaluate("scribe", sources=["letters"])
    assert (found["sources"], found["ancestry"]) == (["letters"], {})
    assert "curve_bits_per_byte" not in found["rivals"]["ngram"]


def test_a_source_without_labels(made: Project) -> None:
    with pytest.raises(UserError, match="no labelled test documents of news"):
        made.evaluate("mood", sources=["news"])


def test_a_label_that_the_model_does_not_know(made: Project) -> None:
    path = made.clean / "documents" / "letters.parquet"
    table = pl.read_parquet(path).with_columns(pl.col("label").replace("positive", "good"))
    table.write_parquet(path)
    made.save_model("mood")
    with pytest.raises(UserError, match=r"label 'good' is not among those of .*mood \(negative, positive\)"):
        made.evaluate("mood")


def test_a_kind_that_cannot_be_measured(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "plain", "features")
    made.save_model("plain")
    with pytest.raises(UserError, match=r"evaluate\.plain is a features, which cannot be measured"):
        made.evaluate("plain")
