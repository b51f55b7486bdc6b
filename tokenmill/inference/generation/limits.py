"""Bounds of what may be asked of generation. Nothing heavy here: params.yaml is checked with them too."""

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.001, 1000.0
"""Below, all but the likeliest token have no probability that float32 can hold, and 0 says the same; above,
all tokens are equally likely, and nothing is left of the model."""

MOST_NEW_TOKENS = 9_999_999
"""Less than the longest context that there is, 10 million (Llama 4 Scout)."""

MOST_SEQUENCES = 1000
"""Texts, or beams, of one prompt: each is a row of the cache."""

ROWS_AT_ONCE = 1024
"""Texts that are written together; with many for each prompt fewer prompts are taken at a time."""
