"""Between text and ids: tokenizers, a model's vocabulary, words. No torch here."""
