"""The special tokens of conversations, and what the files of a model for them say."""

from collections.abc import Mapping
from typing import Any

from tokenmill.text.tokenizer import SENTINEL_IDS, SPECIAL_TOKENS
from tokenmill.text.vocabulary import Vocabulary

USER, ASSISTANT, SYSTEM, END_OF_TURN = SENTINEL_IDS[-4:]
"""<extra_28> to <extra_31>."""

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    f"{SPECIAL_TOKENS[ASSISTANT]}{{% generation %}}{{{{ message['content'] }}}}{SPECIAL_TOKENS[END_OF_TURN]}"
    "{% endgeneration %}"
    f"{{% elif message['role'] == 'system' %}}"
    f"{SPECIAL_TOKENS[SYSTEM]}{{{{ message['content'] }}}}{SPECIAL_TOKENS[END_OF_TURN]}"
    f"{{% else %}}{SPECIAL_TOKENS[USER]}{{{{ message['content'] }}}}{SPECIAL_TOKENS[END_OF_TURN]}"
    "{% endif %}{% endfor %}"
    f"{{% if add_generation_prompt %}}{SPECIAL_TOKENS[ASSISTANT]}{{% endif %}}"
)
"""What tokenizer_config.json holds; the part between ``generation`` is what training learns."""


def is_chat(vocabulary: Vocabulary) -> bool:
    """Whether a model of this vocabulary was fine-tuned to answer in conversations."""
    return vocabulary.chat_template == CHAT_TEMPLATE


def chat_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """tokenizer_config.json of a model for conversations."""
    return {**settings, "chat_template": CHAT_TEMPLATE}


def chat_generation(settings: Mapping[str, Any]) -> dict[str, Any]:
    """generation_config.json of such a model: the end of a turn ends a text, too."""
    eos = settings.get("eos_token_id")
    ends = [id for id in (eos if isinstance(eos, list) else [eos]) if id is not None]
    never = [id for id in settings.get("suppress_tokens") or () if id != END_OF_TURN]
    return {
        **settings,
        "eos_token_id": sorted({*ends, END_OF_TURN}),
        **({"suppress_tokens": never} if never else {}),
    }
