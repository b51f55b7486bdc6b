"""Texts as units and n-grams, for everything that counts or compares words."""
