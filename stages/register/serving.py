"""What answers for a registered model: MLflow stores this file with the model and runs it to load it.

It stands alone: beside MLflow it imports only ``lm``, which is stored with the model too. ``predict`` has no
type hints because MLflow would derive a signature from them, ignore ours, and drop ``params`` with it.
"""

from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel

SAMPLING = ("max_new_tokens", "temperature", "top_k", "top_p", "seed")


class Model(PythonModel):
    """Labels the column ``text`` (a classifier), or continues the column ``prompt`` (a causal model)."""

    def load_context(self, context):
        """Open the model folder: safetensors and JSON, no pickle."""
        from lm.checkpoint import load_model

        self.model: Any
        self.model, self.tokenizer = load_model(Path(context.artifacts["model"]))

    def predict(self, context, model_input, params=None):
        """A row for each row of the input.

        A classifier gives ``label`` and its ``probability``; a causal model ``text``, without the prompt.
        """
        import pandas as pd  # type: ignore[import-untyped]

        from lm.errors import UserError

        try:
            if self.model.config.labels:
                rows = self._classify(list(model_input["text"]))
                return pd.DataFrame(rows, columns=["label", "probability"])
            return pd.DataFrame({"text": self._generate(list(model_input["prompt"]), params or {})})
        except UserError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None

    def _classify(self, texts):
        from lm.classify import classify

        if not texts:
            return []
        probabilities = classify(self.model, self.tokenizer, texts)
        labels = self.model.config.labels
        return [(labels[row.argmax()], float(row.max())) for row in probabilities]

    def _generate(self, prompts, params):
        from lm.generate import generate

        chosen = {name: params[name] for name in SAMPLING if name in params}
        # MLflow's parameters have no None: 0 stands for "no limit".
        chosen["top_k"] = chosen.get("top_k") or None
        chosen["top_p"] = chosen.get("top_p") or None
        return [texts[0] for texts in generate(self.model, self.tokenizer, prompts, **chosen)]


mlflow.models.set_model(Model())
