"""What a registered model says it needs."""

from pathlib import Path
from typing import get_args

import pytest

from tokenmill.core.normalization import Normalization, write_normalization
from tokenmill.model.answering import Answering
from tokenmill.registry.package import (
    DEFAULTS,
    REQUIREMENTS,
    SIMPLIFYING,
    environment,
    input_example,
    signature,
)
from tokenmill.registry.records import ServedKind


@pytest.mark.parametrize("kind", get_args(ServedKind))
def test_the_example_of_an_input_fits_the_signature(tmp_path: Path, kind: ServedKind) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"mask_token": "[MASK]"}')
    example = input_example(kind, tmp_path)
    assert list(example.columns) == signature(kind).inputs.input_names() and len(example) == 1
    assert ("[MASK]" in str(example.iloc[0, 0])) == (kind == "masked-lm")


def test_packages_are_pinned_to_published_versions_and_pip_to_none(tmp_path: Path) -> None:
    python, pip, packages = environment(tmp_path)["dependencies"]
    assert python.startswith("python=3.") and pip == "pip"  # an environment that uv made has no pip to name
    assert [pin.partition("==")[0] for pin in packages["pip"]] == list(REQUIREMENTS)
    assert all("+" not in pin for pin in packages["pip"])


def test_a_model_for_answers_is_asked_as_in_its_training_unless_told_otherwise() -> None:
    plain = {param.name: param.default for param in signature("text-to-text").params}
    asked = {param.name: param.default for param in signature("generation", Answering("", 64, 30)).params}
    assert plain == DEFAULTS
    assert asked == {**DEFAULTS, "max_new_tokens": 30, "temperature": 0.0}


def test_a_model_of_simplified_texts_needs_what_simplifies(tmp_path: Path) -> None:
    steps = Normalization(remove_html=True, simplify_chinese=True, replace_pii=True)
    write_normalization(tmp_path, steps)
    *_, packages = environment(tmp_path)["dependencies"]
    assert [pin.partition("==")[0] for pin in packages["pip"]] == [*REQUIREMENTS, *SIMPLIFYING]
