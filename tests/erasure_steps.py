"""Which files hold the steps of an erasure: they are tried where erasures are tested, and not with those of a batch."""

OF_ERASURE = ("orchestration/erasure", "infra/masking", "validation/batches/erasure", "validation/files/people")
