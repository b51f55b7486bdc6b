"""Train the tokenizer and write token shards."""
