"""Text from a causal model: greedy or sampled, with a key-value cache."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lm.errors import UserError
from lm.heads import LanguageModel
from lm.tokenizer import EOS, FIRST_TEXT_ID, encode_document

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def filter_logits(logits_BV: Tensor, *, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """Set to -inf what sampling must not choose.

    ``top_k`` keeps the k most probable tokens (Fan et al. 2018); ``top_p`` the fewest whose probabilities
    reach p (Holtzman et al. 2020). The most probable token always stays.
    """
    if top_k is not None and top_k < logits_BV.shape[-1]:
        least_B1 = logits_BV.topk(top_k, dim=-1).values[:, -1:]
        logits_BV = logits_BV.masked_fill(logits_BV < least_B1, -torch.inf)
    if top_p is not None and top_p < 1:
        sorted_BV, order_BV = logits_BV.sort(dim=-1, descending=True)
        probability_BV = sorted_BV.softmax(-1)
        beyond_BV = probability_BV.cumsum(-1) - probability_BV >= top_p
        beyond_BV[:, 0] = False
        logits_BV = logits_BV.masked_fill(beyond_BV.scatter(1, order_BV, beyond_BV), -torch.inf)
    return logits_BV


def _check(
    model: LanguageModel, max_new_tokens: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    if model.config.kind != "causal-lm":
        raise UserError(f"this model is a {model.config.kind}; give a causal language model, such as gpt")
    if max_new_tokens < 1:
        raise UserError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    if temperature < 0:
        raise UserError(f"temperature must be 0 (greedy) or more, got {temperature}")
    if top_k is not None and top_k < 1:
        raise UserError(f"top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise UserError(f"top_p must be above 0 and at most 1, got {top_p}")


@torch.inference_mode()
def generate(
    model: LanguageModel,
    tokenizer: "Tokenizer",
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 50,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    num_return_sequences: int = 1,
    seed: int = 0,
) -> list[list[str]]:
    """Continue each prompt; ``temperature`` 0 takes the most probable token each time.

    Each prompt is continued on its own, all its ``num_return_sequences`` in one batch; a sequence ends at
    <eos> or after ``max_new_tokens``. Special tokens other than <eos> are never chosen. What comes out for a
    prompt depends on that prompt, the settings and ``seed`` alone.

    Returns:
        For each prompt its texts, without the prompt.

    Raises:
        UserError: the model is not causal, a setting is out of range, or prompt and new tokens do not fit
            into the context.
    """
    _check(model, max_new_tokens, temperature, top_k, top_p)
    model.eval()
    results = []
    for prompt in prompts:
        ids = encode_document(tokenizer, prompt)[:-1].astype("int64")  # <bos> and the text, without <eos>
        if len(ids) + max_new_tokens > model.config.context:
            raise UserError(
                f"the prompt has {len(ids)} tokens and {max_new_tokens} are asked for, "
                f"the model's context is "
                f"{model.config.context}; shorten the prompt or ask for fewer tokens"
            )
        rows = _continue(
            model,
            torch.from_numpy(ids).repeat(num_return_sequences, 1),
            max_new_tokens,
            temperature,
            top_k,
            top_p,
            torch.Generator().manual_seed(seed),
        )
        results.append([tokenizer.decode(row, skip_special_tokens=True) for row in rows])
    return results


def _continue(
    model: LanguageModel,
    tokens_BT: Tensor,
    max_new_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator,
) -> list[list[int]]:
    batch = len(tokens_BT)
    caches, start = model.new_caches(batch), 0
    forbidden = [token for token in range(FIRST_TEXT_ID) if token != EOS]
    rows: list[list[int]] = [[] for _ in range(batch)]
    done = torch.zeros(batch, dtype=torch.bool)
    for _ in range(max_new_tokens):
        hidden_BTD = model.trunk(tokens_BT, None, caches, start)
        start += tokens_BT.shape[1]
        logits_BV = model.logits(hidden_BTD[:, -1]).float()
        logits_BV[:, forbidden] = -torch.inf
        if temperature == 0:
            next_B = logits_BV.argmax(-1)
        else:
            kept_BV = filter_logits(logits_BV / temperature, top_k=top_k, top_p=top_p)
            next_B = torch.multinomial(kept_BV.softmax(-1), 1, generator=generator).squeeze(1)
        done |= next_B == EOS
        for index, token in enumerate(next_B.tolist()):
            if not done[index]:
                rows[index].append(token)
        if bool(done.all()):
            break
        tokens_BT = next_B[:, None]
    return rows
