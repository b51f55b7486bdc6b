"""What answers for a registered model: MLflow stores this file with the model and runs it to load it.

It stands alone: beside MLflow it imports only ``tokenmill``, which is stored with the model too.
"""

import json
import logging
import math
from typing import Any

import mlflow
import pandas as pd  # type: ignore[import-untyped]
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel

SAMPLING = ("max_new_tokens", "temperature", "top_k", "top_p", "seed")
NO_LIMIT = {"top_k": 0, "top_p": 0.0}
"""MLflow's parameters have no None: these values stand for it."""


class Refused(MlflowException):
    """An answer of one sentence: MLflow's own puts the whole request before it, or a stack trace after it."""

    def serialize_as_json(self):
        """The body of the answer."""
        return json.dumps({"error_code": self.error_code, "message": self.args[0]})


class Model(PythonModel):
    """Labels the column ``text`` or parts of it (classifiers), fills its gaps (a masked model), answers
    ``messages`` (a model for conversations), finds the answer to ``question`` in ``passage`` (a span
    extractor), or answers ``prompt``."""

    def load_context(self, context):
        """Open the model folder: safetensors and JSON, no pickle."""
        from tokenmill.inference import api

        self.loaded: Any = api.load(context.artifacts["model"])

    # From any other type hint MLflow derives a signature that replaces ours, and with it drops ``params``.
    # Without one it warns each time that the model is loaded.
    def predict(self, context, model_input: pd.DataFrame, params=None):
        """A row for each row of the input.

        A classifier of texts gives ``label`` and its ``probability``; where several labels may fit,
        ``labels``, those that do, and their ``probabilities``; of a number the ``value``. One of characters
        or tokens gives ``spans``, each with its text, label, start, end and score, its probability. A masked
        model gives ``text`` with the most probable token in each gap, a model for conversations ``role`` and
        ``content`` of the message that follows, a span extractor ``answer``, its ``score`` and its place from
        ``begin`` to ``end`` in the passage ("" at 0 to 0 where there is none), others ``text``, without the
        prompt.
        """
        from tokenmill.core.errors import UserError

        try:
            if "messages" in model_input:
                return self._chat(model_input["messages"], params or {})
            match self.loaded.model.config.kind:
                case "sequence-classifier":
                    return self._classify(_strings(model_input, "text"))
                case "token-classifier" | "character-classifier":
                    return pd.DataFrame({"spans": self._tag(_strings(model_input, "text"))})
                case "masked-lm":
                    return pd.DataFrame({"text": self._fill(_strings(model_input, "text"))})
                case "span-extractor":
                    asked = (_strings(model_input, name) for name in ("question", "passage"))
                    return pd.DataFrame(self._find(*asked), columns=["answer", "score", "begin", "end"])
            return pd.DataFrame({"text": self._generate(_strings(model_input, "prompt"), params or {})})
        except UserError as error:
            raise Refused(" ".join(str(error).split())[:1000], INVALID_PARAMETER_VALUE) from None
        except Exception:
            logging.getLogger(__name__).exception("a request failed")
            message = "the model failed at this request; the server's log says where"
            raise Refused(message, INTERNAL_ERROR) from None

    def _chat(self, conversations, params):
        from tokenmill.inference import api

        chosen = _sampling(params)
        # MLflow gives nested lists as arrays.
        answers = [api.chat(self.loaded, list(messages), **chosen) for messages in conversations]
        return pd.DataFrame({"role": "assistant", "content": answers})

    def _classify(self, texts):
        from tokenmill.inference import api
        from tokenmill.inference.classify import fitting

        found = api.classify(self.loaded, texts)
        match self.loaded.model.config.problem_type:
            case "multi_label_classification":
                rows = [fitting(each) for each in found]
                columns = {"labels": map(list, rows), "probabilities": (list(row.values()) for row in rows)}
                return pd.DataFrame({name: list(values) for name, values in columns.items()})
            case "regression":
                return pd.DataFrame({"value": [next(iter(each.values())) for each in found]})
        best = [next(iter(each.items())) for each in found]
        return pd.DataFrame(best, columns=["label", "probability"])

    def _tag(self, texts):
        from tokenmill.inference import api

        return [
            [
                {
                    "text": text[span.start : span.end],
                    "label": span.label,
                    "start": span.start,
                    "end": span.end,
                    "score": span.probability,
                }
                for span in spans
            ]
            for text, spans in zip(texts, api.tag(self.loaded, texts), strict=True)
        ]

    def _find(self, questions, passages):
        from tokenmill.inference import api

        found = api.answer(self.loaded, questions, passages)
        best = [(each.best, each.no_answer) for each in found]
        return [(s.label, s.probability, s.start, s.end) if s else ("", nothing, 0, 0) for s, nothing in best]

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

        chosen = _sampling(params)
        return [texts[0] for texts in api.generate(self.loaded, prompts, **chosen)]


def _sampling(params):
    """The settings of generation that a request names; each must be a number."""
    from tokenmill.core.errors import UserError

    chosen = {name: params[name] for name in SAMPLING if name in params}
    for name, value in chosen.items():
        if name in NO_LIMIT and value in (None, NO_LIMIT[name]):
            chosen[name] = None
        elif value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise UserError(f"{name} must be a finite number, got {json.dumps(value)}")
    return chosen


def _strings(frame, column):
    """A column's texts; a row that is none is the caller's mistake, and named."""
    from tokenmill.core.errors import UserError

    for number, value in enumerate(frame[column]):
        if not isinstance(value, str):
            nothing = pd.api.types.is_scalar(value) and pd.isna(value)
            got = "null" if nothing else type(value).__name__
            raise UserError(f"{column}: row {number} must be text, got {got}")
    return list(frame[column])


mlflow.models.set_model(Model())
