"""What is wrong with rows is told as it was noted, however much of it there is."""

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from validation.files import flaws
from validation.files.flaws import Flaws


@effort(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("abc"), st.text(max_size=4)), max_size=60), st.data())
def test_faults_are_told_as_they_were_noted(noted, data):
    few = {"TOGETHER": data.draw(st.integers(1, 5)), "OPEN": 2, "ALIKE": data.draw(st.integers(0, 3))}
    before = {name: getattr(flaws, name) for name in few}
    try:
        for name, number in few.items():
            setattr(flaws, name, number)
        noted_flaws, expected = Flaws(), dict[int, list[tuple[str, str]]]()
        for row, rule, reason in noted:
            noted_flaws.add(row, rule, reason)
            expected.setdefault(row, []).append((rule, flaws.printable(reason)))
        again = noted_flaws.copy()
        again.add(30, "d", "new")
        assert {row: list(map(tuple, faults)) for row, faults in noted_flaws.items()} == expected
        assert again[30] == (("d", "new"),)
        assert noted_flaws.counts() == {
            rule: sum(rule in dict(of) for of in expected.values()) for rule in dict.fromkeys(r for _, r, _ in noted)
        }
        assert noted_flaws.first_reasons() == {rule: flaws.printable(reason) for _, rule, reason in reversed(noted)}
    finally:
        for name, number in before.items():
            setattr(flaws, name, number)
