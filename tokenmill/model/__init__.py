"""The network: configuration, layers, heads, and model folders on disk."""
