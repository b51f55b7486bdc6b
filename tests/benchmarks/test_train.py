"""The benchmarks of training: one measure for all sides, a clock that stands still for it, a real run."""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import gpu
from benchmarks.train import corpus as texts
from benchmarks.train import meter as meters
from benchmarks.train import picture, trainer
from benchmarks.train.__main__ import when_below, write_curves
from benchmarks.train.settings import Settings
from tokenmill.pretraining.flops import flops_per_token
from tokenmill.pretraining.language import language_scores

TINY = Settings(
    objective="causal",
    shape={"layers": 1, "width": 16, "heads": 2, "context": 32},
    steps=4,
    rows=4,
    learning_rate=0.01,
    threads=1,
    vocab_size=60,
    rows_at_once=2,
)


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> texts.Corpus:
    """Random tokens, few of them; a whole number of causal rows for validation."""
    monkeypatch.setattr(texts, "RANDOM_TOKENS", 2000)
    monkeypatch.setattr(texts, "VALIDATION_TOKENS", 20 * 32 + 1)
    return texts.load(TINY)


def random_model(settings: Settings) -> Any:
    from tokenmill.model.heads import build_model

    torch.manual_seed(0)
    model: Any = build_model(settings.config(settings.vocab_size))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def test_the_measure_is_the_one_of_the_pretrain_stage(corpus: texts.Corpus) -> None:
    model = random_model(TINY)
    figures = corpus.score(model, lambda batch: model(batch.inputs_BT))
    expected = language_scores(model, corpus.validation, corpus.objective, bytes_per_token=1.0)
    assert figures["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert figures["bits_per_byte"] == pytest.approx(expected["bits_per_byte"], rel=1e-6)


@pytest.mark.parametrize("objective", ["masked", "span-corruption"])
def test_every_side_predicts_the_same_hidden_tokens(objective: str, corpus: texts.Corpus) -> None:
    settings = dataclasses.replace(TINY, objective=objective)
    corpus = texts.load(settings)
    ours, theirs = random_model(settings), trainer.published(settings, settings.vocab_size)
    seen: list[list[torch.Tensor]] = []
    for model in (ours, theirs):
        targets: list[torch.Tensor] = []

        def logits_of(batch: Any, model: Any = model, targets: list[torch.Tensor] = targets) -> torch.Tensor:
            targets.append(batch.labels_BT)
            # Certain of what is right: the loss is that of the targets, whatever the model.
            known = batch.labels_BT.clamp(min=0)
            return 50.0 * torch.nn.functional.one_hot(known, settings.vocab_size)

        figures = corpus.score(model, logits_of)
        assert figures == {"loss": pytest.approx(0.0, abs=1e-6), "accuracy": 1.0}
        seen.append(targets)
    assert all(torch.equal(*pair) for pair in zip(*seen, strict=True))
    # A published model's output has a place for each target of the objective.
    batch = corpus.batch(torch.from_numpy(corpus.train[: corpus.row_tokens].astype(np.int64))[None], 0)
    own = {"input_ids": batch.inputs_BT}
    if batch.source_BS is not None:
        own = {"input_ids": batch.source_BS, "decoder_input_ids": batch.inputs_BT}
    assert theirs(**own).logits.shape == (*batch.labels_BT.shape, settings.vocab_size)


def test_the_clock_stands_still_while_validation_is_measured(
    corpus: texts.Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = itertools.count(100.0, 1.0)  # a second passes whenever the clock is read
    monkeypatch.setattr(meters.time, "perf_counter", lambda: next(now))
    meter = meters.Meter(dataclasses.replace(TINY, points=2), corpus)

    def measure() -> dict[str, float]:
        for _ in range(1000):
            next(now)
        return {"loss": 1.0}

    meter.begin(measure, prepared=5.0)
    for _ in range(4):
        meter.step(measure)
    assert [(p["step"], p["tokens"], p["seconds"]) for p in meter.curve] == [
        (0, 0, 5),
        (1, 128, 6),
        (4, 512, 9),
    ]
    assert meter.report()["tokens_per_second"] == 128


def test_measured_steps_are_densest_at_the_beginning_and_end_with_the_last() -> None:
    assert sorted(meters.measured_steps(100, 5)) == [4, 16, 36, 64, 100]
    assert max(meters.measured_steps(7, 30)) == 7 and min(meters.measured_steps(7, 30)) == 1
    assert meters.measured_steps(7, 0) == frozenset()


def curve(*losses: float) -> dict[str, Any]:
    return {
        "curve": [
            {"step": n, "tokens": 8 * n, "seconds": 2.0**n, "loss": loss, "bits_per_byte": loss / 2}
            for n, loss in enumerate(losses)
        ]
    }


def test_time_to_a_loss_is_that_of_the_first_point_below() -> None:
    assert when_below(curve(5, 4, 3), 4) == 2.0
    assert math.isnan(when_below(curve(5, 4), 3.9))


def test_curves_and_picture(tmp_path: Path) -> None:
    runs = {"nanogpt, 3 steps": curve(5, 4.5), "nanogpt": curve(5, 4, 3.5, 3), "ours": curve(5, 3, 2.5, 2.4)}
    write_curves(runs, "bits_per_byte", tmp_path / "curves.csv")
    lines = (tmp_path / "curves.csv").read_text("utf-8").splitlines()
    assert lines[0] == "side,step,tokens,seconds,loss,bits_per_byte"
    assert len(lines) == 1 + 2 + 4 + 4 and lines[-1] == "ours,3,24,8.0,2.4,1.2"
    pictures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in pictures:
        picture.draw(runs, "bits_per_byte", path)
    text = pictures[0].read_text("utf-8")
    assert text == pictures[1].read_text("utf-8")
    assert "nanoGPT: 1.50" in text and "Tokenmill: 1.20" in text and "Trainer" not in text


def test_the_gpu_table_of_a_tiny_shape_on_the_cpu() -> None:
    peak = 1e9
    head, ours, broken = gpu.rows_of_table(["ours", "nanogpt"], [2], TINY, peak)
    assert head.split()[-1] == "utilisation"
    name, at_once, rate, _, share = ours.split()
    assert (name, at_once) == ("ours", "2")
    expected = flops_per_token(TINY.config(TINY.vocab_size)) * float(rate.replace(",", "")) / peak
    assert float(share.rstrip("%")) / 100 == pytest.approx(expected, abs=0.001)
    # Without a clone of nanoGPT its line says why there are no figures.
    assert broken.split()[0] == "nanogpt" and "No module named 'model'" in broken


def test_stated_peaks_are_found_by_the_gpus_name() -> None:
    assert gpu.peak("NVIDIA H100 80GB HBM3") == 989.4e12
    assert gpu.peak("NVIDIA H200 NVL") == 835e12
    assert gpu.peak("NVIDIA A100-SXM4-40GB") == 312e12
    assert gpu.peak("NVIDIA GeForce GTX 1080") is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(SystemExit) as end:
        gpu.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "python -m benchmarks.gpu: this machine has no GPU that torch can use\n"
