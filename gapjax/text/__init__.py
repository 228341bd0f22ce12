"""From strings to embeddings: text encoders, their checkpoints, and the cache."""
