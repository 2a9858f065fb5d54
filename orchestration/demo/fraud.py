"""The story of fraud: a simulated city of cards, whose thieves are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestration.demo.decisions import Shown
from orchestration.demo.judged import JudgedCases
from orchestration.sources import kit
from orchestration.sources.fraud import PATTERNS, BankEvents, City, events
from orchestration.system import System
from orchestration.systems.fraud import FRAUD

if TYPE_CHECKING:
    import pandas as pd

GIVEN = ("payment_id", "card_id", "terminal_id", "device_id", "amount", "channel")
"""What a request says of a payment."""


@dataclass
class CityOfCards:
    """A city's payments, and which pattern each was of."""

    city: City

    @cached_property
    def bank(self) -> BankEvents:
        """Everything that happens."""
        return events(self.city)

    @cached_property
    def pattern(self) -> dict[str, str]:
        """Payment → its pattern."""
        return self.bank.pattern_of()

    @property
    def first(self) -> date:
        """The first day with events."""
        return self.city.start.date()

    @property
    def last(self) -> date:
        """The last day of the history."""
        return self.city.end.date() - timedelta(days=1)

    @property
    def drifted(self) -> tuple[date, date]:
        """The days of the wave, after one day as usual."""
        return self.last + timedelta(days=2), self.last + timedelta(days=self.city.ahead)

    @property
    def changes(self) -> str:
        """What thieves do on them."""
        return "card testing adapts: one small payment a device"

    @property
    def measures(self) -> tuple[str, ...]:
        """How the field compares fraud models."""
        queue = f"precision_at_{FRAUD.task.objective.queue}_a_day"  # type: ignore[attr-defined]
        return ("net_benefit", "average_precision", "auc", "recall_at_0.01", queue)

    def system(self) -> System:
        """Fraud as it is."""
        return FRAUD

    def deliver(self, landing: Path) -> Mapping[str, kit.DeliveredRows]:
        """The history."""
        return kit.deliver_history(self.bank, landing, self.city.end)

    def deliver_drifted(self, landing: Path) -> Mapping[str, kit.DeliveredRows]:
        """A day as usual, and the wave."""
        return kit.deliver(self.bank, landing, self.city.end, self.city.end + timedelta(days=self.city.ahead))

    def requests(self, judged: JudgedCases) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """An honest payment, a theft that is seen, and one that is not; of each the one that scores highest."""
        pattern = self._patterns(judged)
        stolen = pattern != PATTERNS[0]
        kinds = (
            ("honest", ~stolen & ~judged.acted),
            ("stolen", stolen & judged.acted),
            ("stolen, new ways", stolen & ~judged.acted),
        )
        places = [(name, np.flatnonzero(which)) for name, which in kinds]
        surest = [(name, at[np.argmax(judged.predicted[at])]) for name, at in places if len(at)]
        return [(name if pattern[at] == name else f"{name}: {pattern[at]}", self._request(judged.frame, int(at)))
                for name, at in surest]  # fmt: skip

    def decided(self, answer: Mapping[str, Any]) -> str:
        """The action and the score."""
        score = answer.get("score")
        return f"{answer['action']}" + (f", score {score:.3f}" if score is not None else "")

    def truth(self, judged: JudgedCases) -> Shown:
        """Recall by pattern at the operating point, and what acting costs honest holders."""
        pattern, rows = self._patterns(judged), []
        for name in PATTERNS[1:]:
            of = pattern == name
            rows.append(
                (
                    name,
                    f"{int(of.sum()):,}",
                    _share(judged.acted[of]),
                    _share(judged.frame["is_fraud"].to_numpy()[of] > 0),
                )
            )
        honest = pattern == PATTERNS[0]
        rows.append(
            (
                "honest",
                f"{int(honest.sum()):,}",
                _share(judged.acted[honest]),
                _share(judged.frame["is_fraud"].to_numpy()[honest] > 0),
            )
        )
        return Shown(
            "What the simulator knows of the judged payments",
            ("pattern", "payments", "acted on", "called fraud in the end"),
            rows,
        )

    def _patterns(self, judged: JudgedCases) -> "np.ndarray[Any, np.dtype[Any]]":
        return np.array([self.pattern[payment] for payment in judged.frame["payment_id"]])

    def _request(self, frame: "pd.DataFrame", at: int) -> Mapping[str, Any]:
        """A payment of the log as it would be asked about now, with an id of its own; cards under their own ids."""
        row = {name: values[0] for name, values in frame.iloc[[at]].to_dict("list").items()}
        given = {name: row[name] for name in GIVEN if row.get(name) is not None}
        payment = row["payment_id"]
        return {**given, "payment_id": f"demo-{payment}", "card_id": self.bank.card_of(payment)}


def _share(flags: "np.ndarray[Any, np.dtype[np.bool_]]") -> str:
    return f"{flags.mean():.0%}" if len(flags) else "–"


def city_of(seed: int) -> CityOfCards:
    """The city of a seed."""
    return CityOfCards(City(seed=seed))
