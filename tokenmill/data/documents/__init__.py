"""The tables in which documents stand on disk."""
