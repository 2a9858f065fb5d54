"""What fits: contenders, embeddings, the item space, popular lists."""
