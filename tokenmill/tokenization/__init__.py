"""Training tokenizers and writing token shards."""
