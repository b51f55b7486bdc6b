"""A model folder as an MLflow model: our code and safetensors, nothing pickled."""

import logging
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tokenmill.core.files import remove, write_text
from tokenmill.core.normalization import read_normalization
from tokenmill.model.answering import Answering, read_answering
from tokenmill.model.digest import CONTROL
from tokenmill.model.tensors import read_settings
from tokenmill.registry.records import ServedKind

CODE = Path(__file__).parents[1]
"""The package, stored with every model: it loads where this project is not."""

REQUIREMENTS = ("ftfy", "mlflow", "numpy", "pandas", "psutil", "safetensors", "tokenizers", "torch")
"""What serving.py and the parts of ``tokenmill`` that it uses import."""
SIMPLIFYING = ("opencc",)
"""And for a model whose texts have Simplified characters alone."""

DEFAULTS = {"max_new_tokens": 50, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}
"""Sampling unless a request says otherwise; ``top_k`` 0 is no limit."""


def signature(kind: ServedKind, answering: Answering | None = None) -> Any:
    """What goes in and comes out: columns, and for a model that generates the params of sampling.

    ``answering`` is how a model that was fine-tuned to answer texts is asked.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, Object, Property

    text, prompt = Schema([ColSpec("string", "text")]), Schema([ColSpec("string", "prompt")])
    match kind:
        case "sequence-classifier":
            outputs = Schema([ColSpec("string", "label"), ColSpec("double", "probability")])
            return ModelSignature(text, outputs)
        case "multi-label-classifier":
            outputs = Schema([ColSpec(Array("string"), "labels"), ColSpec(Array("double"), "probabilities")])
            return ModelSignature(text, outputs)
        case "regressor":
            return ModelSignature(text, Schema([ColSpec("double", "value")]))
        case "token-classifier" | "character-classifier":
            types = {"text": "string", "label": "string", "start": "long", "end": "long", "score": "double"}
            part = Object([Property(name, type_) for name, type_ in types.items()])
            return ModelSignature(text, Schema([ColSpec(Array(part), "spans")]))
        case "masked-lm":
            return ModelSignature(text, text)
        case "chat":
            message = Object([Property("role", "string"), Property("content", "string")])
            prompt = Schema([ColSpec(Array(message), "messages")])
            text = Schema([ColSpec("string", "role"), ColSpec("string", "content")])
        case "span-extractor":
            place = ColSpec("long", "begin"), ColSpec("long", "end")
            return ModelSignature(
                Schema([ColSpec("string", "question"), ColSpec("string", "passage")]),
                Schema([ColSpec("string", "answer"), ColSpec("double", "score"), *place]),
            )
    defaults = DEFAULTS if answering is None else {**DEFAULTS, **answering.defaults}
    params = ParamSchema([
        ParamSpec(name, "double" if isinstance(value, float) else "long", value)
        for name, value in defaults.items()
    ])  # fmt: skip
    return ModelSignature(prompt, text, params)


EXAMPLE = {
    "text": "The room was clean, and I would come again.",
    "prompt": "Once upon a time",
    "question": "Where is it?",
    "passage": "It is in Paris.",
    "messages": [{"role": "user", "content": "How are you?"}],
}
"""What a model may be asked with, by the column of its signature."""


def input_example(kind: ServedKind, folder: Path) -> Any:
    """A row that the model in a folder answers, as MLflow's pages show it."""
    import pandas as pd  # type: ignore[import-untyped]

    row = {name: EXAMPLE[name] for name in signature(kind).inputs.input_names()}
    if kind == "masked-lm":
        mask = read_settings(folder / "tokenizer_config.json").get("mask_token", "<mask>")
        row["text"] = f"The room was {mask}."
    return pd.DataFrame({name: [value] for name, value in row.items()})


def environment(folder: Path) -> dict[str, Any]:
    """What the model in a folder needs to run, as a Conda environment.

    Written out in full: MLflow's own names this environment's pip, which one that uv made has not.
    """
    # A local build of torch (2.13.0+cpu) is published under the plain version.
    steps = read_normalization(folder)
    needed = (*REQUIREMENTS, *(SIMPLIFYING if steps and steps.simplify_chinese else ()))
    pinned = [f"{name}=={version(name).partition('+')[0]}" for name in needed]
    python = f"python={platform.python_version()}"
    return {
        "name": "tokenmill",
        "channels": ["conda-forge"],
        "dependencies": [python, "pip", {"pip": pinned}],
    }


def save_package(path: Path, folder: Path, kind: ServedKind, card: str, mlflow_model: Any) -> None:
    """Write an MLflow model folder at ``path`` (which must not exist) around the model in ``folder``.

    Its README.md is the card; the model's control stays behind.
    """
    import mlflow.pyfunc

    from tokenmill.registry import serving

    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)  # it says that it looks at the example
    mlflow.pyfunc.save_model(
        path=path,
        mlflow_model=mlflow_model,
        python_model=serving.__file__,
        artifacts={"model": str(folder.resolve())},
        code_paths=[str(CODE)],
        signature=signature(kind, read_answering(folder)),
        input_example=input_example(kind, folder),
        conda_env=environment(folder),
    )
    remove(model_in_package(path) / CONTROL)
    write_text(path / "README.md", card)


def model_in_package(path: Path) -> Path:
    """The model folder inside a folder that :func:`save_package` wrote.

    Raises:
        FileNotFoundError: there is none.
    """
    weights = sorted((path / "artifacts").glob("*/model.safetensors"))
    if not weights:
        raise FileNotFoundError(f"{path}: holds no model.safetensors")
    return weights[0].parent
