"""What is a valid answer to a case: in a module of its own, which the load generator imports by its name."""

from tests.chaos.cases import decided


def judge(status: int, body: bytes) -> tuple[bool, str]:
    """A decision, counted by its rung."""
    return decided(frozenset(), status, body)


def judge_naive(status: int, _: bytes) -> tuple[bool, str]:
    """Any answer of the obvious stack."""
    return status == 200, str(status)
