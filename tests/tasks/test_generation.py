"""Generation: what is learned from which document, that padding says nothing, and what is refused."""

from pathlib import Path
from typing import cast

import pytest
import torch

from tests.tasks.helpers import documents, learn, new_task
from tests.tiny_models import tiny_model
from tokenmill.core.errors import UserError
from tokenmill.model.heads import LanguageModel, build_model
from tokenmill.model.names import Kind
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.tasks.generation import Generation
from tokenmill.text.tokenizer import BOS, EOS, PAD

PAIRS = (("books", "书"), ("films and books", "电影和书"), ("a test", "看电影"), ("films", "电影"))
FRAME = documents(
    *((text, None, target, "train") for text, target in PAIRS),
    ("books", None, "书", "validation"),
    ("films", None, " ", "validation"),  # says nothing
    ("test", None, None, "validation"),
)


def made(folder: Path, kind: Kind = "text-to-text", **settings: object) -> Generation:
    return cast(Generation, new_task(folder, "generation", FRAME, kind, **{"max_tokens": 24, **settings}))


def test_a_target_is_the_answer_to_its_text_and_ends_with_eos(tmp_path: Path) -> None:
    task = made(tmp_path)
    assert (task.documents, len(task.validation.sources)) == (4, 1), "blank targets are left out"
    examples = task.train.examples([0, 1])
    labels = examples.labels_BT[0][examples.labels_BT[0] != IGNORE_INDEX].tolist()
    assert labels == [*list("书".encode()), EOS] or labels[-1] == EOS
    assert examples.inputs_BT[0, : len(labels)].tolist() == [PAD, *labels[:-1]]
    assert examples.source_BS is not None and examples.source_attention_mask_BS is not None
    there = examples.source_attention_mask_BS.sum(1).tolist()
    assert there == [len(task.train.sources[0]), len(task.train.sources[1])] and there[0] < there[1]


def test_a_decoder_reads_the_text_and_its_end_and_is_taught_the_answer(tmp_path: Path) -> None:
    task = made(tmp_path, "causal-lm", max_target_tokens=8, prefix="a ")
    assert task.config.kind == "causal-lm" and task.config.context == 32 and task.tokenizer is not None
    source, target = task.train.sources[0], task.train.targets[0]
    assert (source[0], source[-1], target[-1]) == (BOS, EOS, EOS) and BOS not in target
    examples = task.train.examples([0, 1])
    labels, inputs = examples.labels_BT[0], examples.inputs_BT[0]
    assert examples.source_BS is None and inputs.tolist()[: len(source)] == source
    assert labels[labels != IGNORE_INDEX].tolist() == target
    assert int(inputs[labels.tolist().index(target[0])]) == EOS, "the end of the text asks for the answer"
    assert task.longest == max(
        len(s) + len(t) - 1 for s, t in zip(task.train.sources, task.train.targets, strict=True)
    )


def test_a_prefix_stands_before_each_text_and_reverse_swaps_the_two(tmp_path: Path) -> None:
    plain, turned = made(tmp_path / "a"), made(tmp_path / "b", reverse=True)
    assert list(turned.train.targets) == list(plain.train.sources)
    assert list(turned.train.sources) == list(plain.train.targets)
    prefixed = made(tmp_path / "c", prefix="a test: ")
    longer = len(prefixed.train.sources[0]) - len(plain.train.sources[0])
    assert longer > 0 and len({tuple(row[:longer]) for row in prefixed.train.sources}) == 1
    assert list(prefixed.train.targets) == list(plain.train.targets)


@pytest.mark.parametrize(("kind", "most"), [("text-to-text", 24), ("causal-lm", 8)])
def test_padding_changes_no_loss(tmp_path: Path, kind: Kind, most: int) -> None:
    task, model = made(tmp_path, kind, max_target_tokens=most), tiny_model(kind)
    assert isinstance(model, LanguageModel)
    parts = [task.train.examples([index]) for index in range(4)]
    together = task.train.examples(range(4))
    with torch.inference_mode():
        alone = sum(float(part.loss(model)) * part.count for part in parts) / together.count
        assert float(together.loss(model)) == pytest.approx(alone, rel=1e-5)
        logits, labels = together.predictions(model)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        assert float(together.loss(model)) == pytest.approx(float(loss), rel=1e-5)


def test_what_is_cut_is_counted_and_has_no_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = made(tmp_path, max_target_tokens=8)
    cut = [row for row in task.train.targets if len(row) == 8 and row[-1] != EOS]
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("finetune")]
    assert lines == [
        f"finetune.mine: {len(cut)} targets have more than 8 tokens; their ends are not learned; "
        "raise max_target_tokens"
    ]
    assert cut and task.config.context == 24


def test_an_answer_longer_than_the_context_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^params.yaml: finetune\.mine\.max_target_tokens is 33, .* is 32; "):
        made(tmp_path, max_target_tokens=33)
    with pytest.raises(UserError, match=r"max_target_tokens is 9 and max_tokens 24, .* is 32; "):
        made(tmp_path, "causal-lm", max_target_tokens=9)


def test_a_split_without_targets_is_refused(tmp_path: Path) -> None:
    empty = documents(("books", None, "书", "train"), ("films", None, "", "validation"))
    with pytest.raises(
        UserError, match=r"^letters: no validation documents with a target that is not empty; "
    ):
        new_task(tmp_path, "generation", empty)


def test_a_decoder_learns_answers(tmp_path: Path) -> None:
    task = made(tmp_path, "causal-lm", max_target_tokens=8, dropout=0.0)
    torch.manual_seed(1)
    before, after = learn(build_model(task.config), task, tmp_path)
    assert after["loss"] < 0.2 * before["loss"] and after["accuracy"] == 1
    assert task.largest(4).inputs_BT.shape == (4, task.longest)
    assert 0 < task.padding_share(1) < 1


def test_answers_are_learned_and_the_largest_batch_is_the_largest(tmp_path: Path) -> None:
    task = made(tmp_path, dropout=0.0)
    torch.manual_seed(1)
    model = build_model(task.config)
    before, after = learn(model, task, tmp_path)
    assert after["loss"] < 0.2 * before["loss"] and after["accuracy"] == 1
    largest = task.largest(4)
    assert largest.inputs_BT.shape == (4, max(map(len, task.train.targets)))
    assert largest.source_BS is not None and largest.source_BS.shape == (4, max(map(len, task.train.sources)))
    assert 0 < task.padding_share(2) < 1
