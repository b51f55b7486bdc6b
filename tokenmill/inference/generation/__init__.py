"""Generating text: the loop, the step, sampling, beam search, streaming."""
