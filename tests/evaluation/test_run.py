"""The evaluate stage with real, tiny models: figures, files, page, and what it refuses."""

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from tests.stages.evaluate.conftest import SOURCES, Inputs, make

from tests.conftest import ROOT
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree
from tokenmill.evaluation.run import evaluate


def run(inputs: Inputs) -> dict:
    for path in inputs.out.values():
        path.parent.mkdir(exist_ok=True)
    return evaluate(inputs.paths, inputs.out, inputs.settings, inputs.digests)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Inputs, dict]:
    inputs = make(tmp_path_factory.mktemp("evaluate"))
    return inputs, run(inputs)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_sentiment_figures_are_those_of_the_predictions(done: tuple[Inputs, dict]) -> None:
    inputs, metrics = done
    figures = metrics["sentiment"]
    table = pl.read_parquet(inputs.out["evaluation"] / "predictions" / "sentiment.parquet")
    test = dict(SOURCES["reviews"]["test"])
    assert dict(zip(table["text"], table["label"], strict=True)) == test
    assert figures["documents"] == len(test) == 30
    for name, part in (("sentiment", figures), ("control", figures["control"]), ("tfidf", figures["tfidf"])):
        accuracy = (table["label"] == table[f"{name}_label"]).mean()
        assert part["accuracy"] == pytest.approx(accuracy, abs=1e-6)
        assert part["accuracy_low"] < accuracy < part["accuracy_high"] or accuracy == 1
        assert 0 <= part["calibration_error"] <= 1 and 0 <= part["f1"] <= 1
    assert figures["tfidf"]["accuracy"] > 0.9 > figures["accuracy"]
    gain = figures["accuracy"] - figures["tfidf"]["accuracy"]
    assert figures["gain_over_tfidf"] == pytest.approx(gain, abs=2e-6)
    assert figures["p_value_vs_tfidf"] < 0.05
    assert re.fullmatch("[0-9a-f]{64}", figures["test_digest"])


def test_language_figures_stand_beside_their_baselines(done: tuple[Inputs, dict]) -> None:
    _, metrics = done
    gpt, bert = metrics["gpt"], metrics["bert"]
    assert gpt["ngram"]["order"] == 3
    # Random weights know nothing, the n-gram model was trained.
    assert gpt["bits_per_byte"] > 2 * gpt["ngram"]["bits_per_byte"] > 0
    assert gpt["perplexity"] > gpt["ngram"]["perplexity"] > 1
    assert gpt["documents"] == 30 + 6 and gpt["test_digest"] == bert["test_digest"]
    assert gpt["test_digest"] != metrics["sentiment"]["test_digest"]
    assert gpt["tokens_to_pass_ngram"] == 200  # the curve's second point
    assert 0 <= bert["accuracy"] < 0.2 and 0 < bert["most_frequent_accuracy"] < 1


def test_plots_hold_every_test_document(done: tuple[Inputs, dict]) -> None:
    inputs, metrics = done
    confusion = rows(inputs.out["confusion"])
    right = sum(row["actual"] == row["predicted"] for row in confusion)
    assert right / len(confusion) == pytest.approx(metrics["sentiment"]["accuracy"], abs=1e-6)
    calibration = rows(inputs.out["calibration"])
    assert sum(int(row["documents"]) for row in calibration) == len(confusion) == 30
    error = (
        sum(int(r["documents"]) * abs(float(r["accuracy"]) - float(r["confidence"])) for r in calibration)
        / 30
    )
    assert error == pytest.approx(metrics["sentiment"]["calibration_error"], abs=1e-5)


def test_samples_continue_every_prompt(done: tuple[Inputs, dict]) -> None:
    inputs, _ = done
    samples = json.loads((inputs.out["evaluation"] / "samples.json").read_text("utf-8"))
    assert [sample["prompt"] for sample in samples] == ["房间", "早餐"]
    assert all(len(sample["continuations"]) == 3 for sample in samples)


def test_each_prompt_has_draws_of_its_own(inputs: Inputs) -> None:
    inputs.settings = inputs.settings.model_copy(update={"prompts": ["房间", "房间"]})
    run(inputs)
    first, second = json.loads((inputs.out["evaluation"] / "samples.json").read_text("utf-8"))
    assert first["continuations"] != second["continuations"]


class Reader(HTMLParser):
    """Collects a page's text, the addresses that it would load, and whether its tags close."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.loads, self.open = "", [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.loads += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_tells_all_of_it_and_loads_nothing(done: tuple[Inputs, dict]) -> None:
    inputs, metrics = done
    text = (inputs.out["evaluation"] / "report.html").read_text("utf-8")
    page = Reader(text)
    assert not page.open and not page.loads
    assert "http" not in text.replace("http://www.w3.org", "")
    for figure in (metrics["gpt"]["bits_per_byte"], metrics["gpt"]["ngram"]["bits_per_byte"]):
        assert f"{figure:.3f}" in page.text
    assert f"{metrics['sentiment']['tfidf']['accuracy']:.1%}" in page.text
    assert "is worse than TF-IDF" in page.text and "fine-tuned from gpt" in page.text
    assert "gpt passes the n-gram model by the time it has seen 200 tokens" in page.text
    table = pl.read_parquet(inputs.out["evaluation"] / "predictions" / "sentiment.parquet")
    wrong = table.filter(pl.col("label") != pl.col("sentiment_label"))
    surest = wrong.sort("sentiment_probability", descending=True)["text"][0]
    assert surest in page.text
    assert metrics["sentiment"]["test_digest"][:16] in page.text
    assert text.count("<svg") == 3


def test_texts_are_escaped(inputs: Inputs) -> None:
    inputs.settings = inputs.settings.model_copy(update={"prompts": ["<script>x</script>"]})
    inputs.settings = inputs.settings.model_copy(update={"max_new_tokens": 1})
    run(inputs)
    page = (inputs.out["evaluation"] / "report.html").read_text("utf-8")
    assert "<script>" not in page and "&lt;script&gt;x&lt;/script&gt;" in page


def test_equal_inputs_give_equal_bytes(done: tuple[Inputs, dict], tmp_path: Path) -> None:
    first, metrics = done
    second = Inputs(first.root)
    second.out = {name: tmp_path / name for name in first.out}
    assert evaluate(second.paths, second.out, second.settings, second.digests) == metrics
    for name in first.out:
        assert digest_tree(first.out[name]) == digest_tree(second.out[name])


def test_a_curve_that_never_passes_the_ngram(inputs: Inputs) -> None:
    inputs.paths["curve_gpt"].write_text("tokens,split,loss,bits_per_byte\n100,validation,9,99\n", "utf-8")
    assert run(inputs)["gpt"]["tokens_to_pass_ngram"] is None
    page = (inputs.out["evaluation"] / "report.html").read_text("utf-8")
    assert "has not passed the n-gram model" in page


def test_a_prompt_too_long_is_refused_and_nothing_is_written(inputs: Inputs) -> None:
    inputs.settings = inputs.settings.model_copy(update={"max_new_tokens": 100})
    with pytest.raises(UserError, match="context is 32"):
        run(inputs)
    assert not inputs.out["evaluation"].exists()


def test_a_masked_model_in_place_of_gpt_is_refused(inputs: Inputs) -> None:
    inputs.save_model("gpt", "masked-lm", 1)
    with pytest.raises(UserError, match="models/gpt: must be a causal-lm, is a masked-lm"):
        run(inputs)


def test_a_source_without_labelled_test_documents(inputs: Inputs) -> None:
    for name in ("sentiment", "control"):
        inputs.save_model(name, "sequence-classifier", 1, finetune={"source": "peoples-daily"})
    with pytest.raises(UserError, match="no labelled train documents of peoples-daily"):
        run(inputs)


def command(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.evaluate"], cwd=project, capture_output=True, text=True, timeout=200
    )


def test_the_command_publishes_and_a_mistake_costs_one_line(project: Path) -> None:
    inputs = make(project)
    params = (ROOT / "params.yaml").read_text("utf-8")
    (project / "params.yaml").write_text(params.replace("max_new_tokens: 40", "max_new_tokens: 5"), "utf-8")
    done = command(project)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((project / "data/metrics/evaluate.json").read_text("utf-8"))
    assert metrics["gpt"]["ngram"]["order"] == 4
    assert (project / "data/evaluation/report.html").is_file()
    assert (project / "data/plots/confusion.csv").is_file()
    before = digest_tree(project / "data/evaluation")
    inputs.save_model("bert", "masked-lm", 1, tokenizer="0" * 64)
    failed = command(project)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("error:")]
    assert "data/models/bert: made with tokenizer 000000000000, but data/tokens has" in line
    assert digest_tree(project / "data/evaluation") == before
