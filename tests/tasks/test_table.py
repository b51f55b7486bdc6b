"""Every task of the table: its file, its kind of model, and what it says of documents without labels."""

from pathlib import Path

import pytest

from tests.tasks.helpers import documents, new_task
from tokenmill.core.errors import UserError
from tokenmill.model.heads import build_model
from tokenmill.tasks.table import TASKS, kind_of

GOOD = ("我看书", "good", "我/r 看/v 书/n")
BAD = ("书坏", "bad", "书/n 坏/a")
SETTINGS = {"ner": {"labels": {"n": "THING"}}}
SPANS = {
    "chat": '[[0,1,"user"],[1,2,"assistant"]]',
    "preference": '[[0,1,"chosen"],[1,2,"rejected"]]',
    "question-answering": '[[0,1,"answer:0"],[1,2,"question"]]',
}
"""Of both texts, for the tasks that learn from them."""


@pytest.mark.parametrize("task", TASKS)
def test_a_task_makes_a_model_of_its_kind_that_can_be_trained(tmp_path: Path, task: str) -> None:
    frame = documents((*GOOD, "train"), (*BAD, "train"), (*BAD, "validation"), spans=SPANS.get(task))
    made = new_task(tmp_path, task, frame, **SETTINGS.get(task, {}))
    assert made.config.kind == kind_of(task, "text-to-text")
    assert (made.config.context, made.config.dropout) == (16, 0.1)
    assert made.documents == 2
    model = build_model(made.config).eval()
    made.begin(model)
    examples = made.batch(0).examples
    parts = [float(examples[rows].loss(model).detach()) for rows in (slice(0, 1), slice(1, 2))]
    assert sum(parts) == pytest.approx(float(examples.loss(model).detach()), rel=1e-5)
    assert set(made.validate(model)) == set(made.figures)


@pytest.mark.parametrize("task", TASKS)
def test_documents_that_say_nothing_are_refused(tmp_path: Path, task: str) -> None:
    nothing = documents(("我看书", None, None, "train"), ("书坏", None, None, "validation"))
    with pytest.raises(UserError, match="letters") as error:
        new_task(tmp_path, task, nothing, **SETTINGS.get(task, {}))
    assert "\n" not in str(error.value)
