"""The network: configuration, families, layers, trunk and heads. Start with config.py, then layers.py."""
