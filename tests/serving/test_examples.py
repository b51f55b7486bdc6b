"""Examples from documents of each task."""

import json
from pathlib import Path

import pytest

from tests.samples import conversation, write_clean
from tokenmill.data.documents.questions import join_questions
from tokenmill.data.documents.spans import write_spans
from tokenmill.serving.examples import MOST, examples
from tokenmill.serving.models import Models


@pytest.fixture
def models(tmp_path: Path) -> Models:
    passage = "The mill stands by the river."
    asked, spans = join_questions(passage, [("What stands there?", [(4, 8)])])
    talk, turns = conversation([("system", "be"), ("user", "Hello there"), ("assistant", "Hi!")])
    many = [(f"line {number} is long enough to be read", None) for number in range(40)]
    texts = {
        "talks": [(talk, None)],
        "questions": [(asked, None)],
        "strings": [("Open file", None)],
        "many": many,
    }
    write_clean(
        tmp_path / "data/clean",
        {name: {"train": [], "validation": [], "test": documents} for name, documents in texts.items()},
        targets={"Open file": "打开文件"},
        spans={talk: turns, asked: write_spans(spans)},
    )
    learned = {
        "talker": {"finetune": {"source": ["talks"]}},
        "reader": {"finetune": {"source": "questions"}},
        "translator": {"task": "generation", "finetune": {"source": "strings", "reverse": False}},
        "back": {"task": "generation", "finetune": {"source": "strings", "reverse": True}},
        "gpt": {"sources": ["many", "gone"]},
        "odd": {"sources": {"many": 1}},
    }
    for name, ancestry in learned.items():
        folder = tmp_path / "data/models" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}", "utf-8")
        (folder / "ancestry.json").write_text(json.dumps(ancestry), "utf-8")
    return Models(project=tmp_path)


def test_each_task_is_asked_as_its_documents_are(models: Models) -> None:
    assert examples(models, "talker", "chat") == [{"text": "Hello there", "expected": "Hi!"}]
    assert examples(models, "reader", "answer") == [
        {"question": "What stands there?", "text": "The mill stands by the river.", "expected": "mill"}
    ]
    assert examples(models, "translator", "generate") == [{"text": "Open file", "expected": "打开文件"}]
    assert examples(models, "back", "generate") == [{"text": "打开文件", "expected": "Open file"}]


def test_they_are_few_and_spread(models: Models) -> None:
    found = [each["text"] for each in examples(models, "gpt", "neighbours")]
    assert len(found) == MOST == len(set(found)) and "line 0 " in found[0] and "line 3" in found[-1]


def test_an_odd_ancestry_gives_none(models: Models) -> None:
    assert examples(models, "odd", "neighbours") == []
    (models.folder("odd") / "ancestry.json").write_text("[", "utf-8")
    assert examples(models, "odd", "neighbours") == []
