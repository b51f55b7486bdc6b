"""Dropping documents with all their reasons, and splitting the rest by content."""
