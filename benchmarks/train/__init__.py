"""Training beside nanoGPT and ``transformers``' Trainer: ``python -m benchmarks.train``.

``ours``, ``nanogpt`` and ``trainer`` each train one side, in a process that ``side`` starts; ``corpus`` and
``meter`` are what they have in common.
"""
