"""What answers for a registered model: MLflow stores this file with the model and runs it to load it.

It stands alone: beside MLflow it imports only ``tokenmill``, which is stored with the model too.
"""

from typing import Any

import mlflow
import pandas as pd  # type: ignore[import-untyped]
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel

SAMPLING = ("max_new_tokens", "temperature", "top_k", "top_p", "seed")


class Model(PythonModel):
    """Labels the column ``text`` (a classifier), fills its gaps (a masked model), or answers ``prompt``."""

    def load_context(self, context):
        """Open the model folder: safetensors and JSON, no pickle."""
        from tokenmill.inference import api

        self.loaded: Any = api.load(context.artifacts["model"])

    # From any other type hint MLflow derives a signature that replaces ours, and with it drops ``params``.
    # Without one it warns each time that the model is loaded.
    def predict(self, context, model_input: pd.DataFrame, params=None):
        """A row for each row of the input.

        A classifier gives ``label`` and its ``probability``, a masked model ``text`` with the most probable
        token in each gap, others ``text``, without the prompt.
        """
        from tokenmill.core.errors import UserError

        try:
            match self.loaded.model.config.kind:
                case "sequence-classifier":
                    rows = self._classify(_strings(model_input, "text"))
                    return pd.DataFrame(rows, columns=["label", "probability"])
                case "masked-lm":
                    return pd.DataFrame({"text": self._fill(_strings(model_input, "text"))})
            return pd.DataFrame({"text": self._generate(_strings(model_input, "prompt"), params or {})})
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None

    def _classify(self, texts):
        from tokenmill.inference import api

        return [next(iter(found.items())) for found in api.classify(self.loaded, texts)]

    def _fill(self, texts: list[str]) -> list[str]:
        from tokenmill.inference import api

        vocabulary = self.loaded.vocabulary
        assert vocabulary.mask is not None, "a masked language model has a mask token"
        mask, filled = vocabulary.token(vocabulary.mask), []
        for text, gaps in zip(texts, api.fill(self.loaded, texts, top_k=1), strict=True):
            for candidates in gaps:
                text = text.replace(mask, candidates[0].text, 1)
            filled.append(text)
        return filled

    def _generate(self, prompts, params):
        from tokenmill.inference import api

        chosen = {name: params[name] for name in SAMPLING if name in params}
        # MLflow's parameters have no None: 0 stands for "no limit".
        chosen["top_k"] = chosen.get("top_k") or None
        chosen["top_p"] = chosen.get("top_p") or None
        return [texts[0] for texts in api.generate(self.loaded, prompts, **chosen)]


def _strings(frame, column):
    """A column's texts; a row that is none is the caller's mistake, and named."""
    from tokenmill.core.errors import UserError

    for number, value in enumerate(frame[column]):
        if not isinstance(value, str):
            raise UserError(f"{column}: row {number} must be text, got {type(value).__name__}")
    return list(frame[column])


mlflow.models.set_model(Model())
