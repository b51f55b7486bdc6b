"""Tokenizers, vocabularies and token shards."""
