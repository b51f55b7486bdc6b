"""Choices as tasks of EleutherAI's evaluation harness (``lm-eval``), which then gives our figures.

A task is a YAML file, which the harness finds with ``--include_path``, and a file of its items beside it.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenmill.core.files import write_text
from tokenmill.evaluation.choices.items import Item

FOLDER = "lm_eval"
"""Below data/evaluation/NAME."""
TASK = """\
# `sum` of our figures is acc, `pmi` is acc_mutual_info.
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
  - metric: acc_norm
  - metric: acc_mutual_info
metadata:
  version: 1
"""


def write_task(folder: Path, place: str, name: str, items: Sequence[Item]) -> None:
    """Write one task.

    Args:
        folder: where the files are written.
        place: where they will stand, as seen from the folder that ``lm_eval`` is started in.
        name: of the task.
        items: as the model was asked.
    """
    lines = [
        json.dumps(
            {"query": item.choice.before, "choices": item.choice.continuations, "gold": item.gold},
            ensure_ascii=False,
        )
        for item in items
    ]
    write_text(folder / f"{name}.yaml", TASK.format(name=name, place=place))
    write_text(folder / f"{name}.jsonl", "".join(f"{line}\n" for line in lines))
