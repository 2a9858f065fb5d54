"""The assets of each stage: nouns whose body is one call."""
