"""Choices as tasks of EleutherAI's evaluation harness (``lm-eval``), which then gives our figures.

A task is a YAML file, which the harness finds with ``--include_path``, and a file of its items beside it.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenmill.core.files import write_text
from tokenmill.evaluation.choices.items import Item
from tokenmill.inference.choose import Choice
from tokenmill.text.vocabulary import Vocabulary

FOLDER = "lm_eval"
"""Below data/evaluation/NAME."""
TASK = """\
# acc is `whole` of our figures: the harness cuts query and choice into tokens together.
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {place}/{name}.jsonl
test_split: test
output_type: multiple_choice
doc_to_text: query
doc_to_choice: choices
doc_to_target: gold
target_delimiter: ""
num_fewshot: 0
metric_list:
  - metric: acc
  - metric: acc_bytes
  - metric: acc_mutual_info
metadata:
  version: 1
"""


def aligned(vocabulary: Vocabulary, choice: Choice) -> Choice:
    """The same texts, with the end of ``before`` given to the candidates as far as tokens reach across.

    The harness cuts query and choice into tokens together, and scores what comes after as many of them as the
    query alone has. Where a token goes across, that would leave out a part of the candidates.
    """
    whole = [vocabulary.tokenizer.encode(text).ids for text in choice.texts]
    while choice.before:
        own = vocabulary.tokenizer.encode(choice.before).ids
        if all(row[: len(own)] == own for row in whole):
            break
        last = choice.before[-1]
        candidates = tuple(last + candidate for candidate in choice.candidates)
        choice = Choice(choice.before[:-1], candidates, choice.after)
    return choice


def write_task(folder: Path, place: str, name: str, items: Sequence[Item], vocabulary: Vocabulary) -> None:
    """Write one task.

    Args:
        folder: where the files are written.
        place: where they will stand, as seen from the folder that ``lm_eval`` is started in.
        name: of the task.
        items: as the model was asked.
        vocabulary: of the model.
    """
    lines = []
    for item in items:
        choice = aligned(vocabulary, item.choice)
        row = {"query": choice.before, "choices": choice.continuations, "gold": item.gold}
        lines.append(json.dumps(row, ensure_ascii=False))
    write_text(folder / f"{name}.yaml", TASK.format(name=name, place=place))
    write_text(folder / f"{name}.jsonl", "".join(f"{line}\n" for line in lines))
