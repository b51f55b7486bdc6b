"""A model folder as an MLflow model: our code and safetensors, nothing pickled."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tokenmill
from tokenmill.model.names import Kind

CODE = Path(tokenmill.__file__).parent
"""The package ``lm``, stored with every model: it loads where this project is not."""

REQUIREMENTS = ("mlflow", "numpy", "pandas", "safetensors", "tokenizers", "torch")
"""What serving.py and the parts of ``lm`` that it uses import."""

DEFAULTS = {"max_new_tokens": 50, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0}
"""Sampling unless a request says otherwise; ``top_k`` 0 is no limit."""


def signature(kind: Kind) -> Any:
    """What goes in and comes out: columns, and for a causal model the params of sampling."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    if kind == "sequence-classifier":
        outputs = Schema([ColSpec("string", "label"), ColSpec("double", "probability")])
        return ModelSignature(Schema([ColSpec("string", "text")]), outputs)
    params = ParamSchema([
        ParamSpec(name, "double" if isinstance(value, float) else "long", value)
        for name, value in DEFAULTS.items()
    ])  # fmt: skip
    return ModelSignature(Schema([ColSpec("string", "prompt")]), Schema([ColSpec("string", "text")]), params)


def environment() -> dict[str, Any]:
    """What the model needs to run, as a Conda environment.

    Written out in full: MLflow's own names this environment's pip, which one that uv made has not.
    """
    # A local build of torch (2.13.0+cpu) is published under the plain version.
    pinned = [f"{name}=={version(name).partition('+')[0]}" for name in REQUIREMENTS]
    python = f"python={platform.python_version()}"
    return {
        "name": "tokenmill",
        "channels": ["conda-forge"],
        "dependencies": [python, "pip", {"pip": pinned}],
    }


def save_package(path: Path, folder: Path, kind: Kind, mlflow_model: Any) -> None:
    """Write an MLflow model folder at ``path`` (which must not exist) around the model in ``folder``."""
    import warnings

    import mlflow.pyfunc

    from tokenmill.registry import serving

    with warnings.catch_warnings():
        # MLflow wants to see an example of the input; the signature says it all.
        warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
        mlflow.pyfunc.save_model(
            path=path,
            mlflow_model=mlflow_model,
            python_model=serving.__file__,
            artifacts={"model": str(folder.resolve())},
            code_paths=[str(CODE)],
            signature=signature(kind),
            conda_env=environment(),
        )


def model_in_package(path: Path) -> Path:
    """The model folder inside a folder that :func:`save_package` wrote.

    Raises:
        FileNotFoundError: there is none.
    """
    weights = sorted((path / "artifacts").glob("*/model.safetensors"))
    if not weights:
        raise FileNotFoundError(f"{path}: holds no model.safetensors")
    return weights[0].parent
