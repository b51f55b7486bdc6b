"""Normalising every document and counting what the rules of clean decide by."""
