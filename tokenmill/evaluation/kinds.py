"""How each kind of model is measured: two lines and one file a kind."""

from collections.abc import Callable, Mapping

from tokenmill.evaluation.causal_lm import causal_parts, measure_causal
from tokenmill.evaluation.chat import chat_parts, measure_chat
from tokenmill.evaluation.denoising import denoising_parts, measure_denoising
from tokenmill.evaluation.generation import generation_parts, measure_generation
from tokenmill.evaluation.multi_label import measure_multi_label, multi_label_parts
from tokenmill.evaluation.ner import entity_parts, measure_entities
from tokenmill.evaluation.parts import Parts
from tokenmill.evaluation.preference import measure_preference, preference_parts
from tokenmill.evaluation.regression import measure_regression, regression_parts
from tokenmill.evaluation.sequence_classifier import classifier_parts, measure_classifier
from tokenmill.evaluation.span_extractor import extractor_parts, measure_extractor
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.token_classifier import measure_tagger, tagger_parts

MEASURES: Mapping[str, Callable[[Subject], Result]] = {
    "causal-lm": measure_causal,
    "masked-lm": measure_denoising,
    "text-to-text": measure_denoising,
    "sequence-classifier": measure_classifier,
    "multi-label-classifier": measure_multi_label,
    "regressor": measure_regression,
    "token-classifier": measure_tagger,
    "character-classifier": measure_entities,
    "generation": measure_generation,
    "chat": measure_chat,
    "preference": measure_preference,
    "span-extractor": measure_extractor,
}
"""What measures a model, by the names of settings.FIGURES."""

PARTS: Mapping[str, Callable[[Subject, str], Parts | None]] = {
    "causal-lm": causal_parts,
    "masked-lm": denoising_parts,
    "text-to-text": denoising_parts,
    "sequence-classifier": classifier_parts,
    "multi-label-classifier": multi_label_parts,
    "regressor": regression_parts,
    "token-classifier": tagger_parts,
    "character-classifier": entity_parts,
    "generation": generation_parts,
    "chat": chat_parts,
    "preference": preference_parts,
    "span-extractor": extractor_parts,
}
"""What a figure of a model is made of, by document (parts.py); likewise."""
