"""The six tables of a city, as its bank would log them; the true pattern of each payment stays beside them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.arrays import Float64s, Int64s
from orchestration.sources.fraud import aftermath, patterns, world
from orchestration.sources.fraud.world import City, Payments
from orchestration.sources.kit import DAY, generator, moments, numbered, rows_of
from validation.contract import Table
from validation.systems import fraud

REPLACED = 10_000_000  # is added to a holder's device each time it is replaced
TRAVELS = 40.0
"""Seconds from a payment to our knowing of it, at the median."""


@dataclass(frozen=True, slots=True)
class BankEvents:
    """All rows of the six tables; `pattern` (payments,) is the truth, which no table holds."""

    rows: dict[str, pa.Table]
    pattern: Int64s

    def pattern_of(self) -> dict[str, str]:
        """Payment → its pattern, by name."""
        names = np.array(patterns.PATTERNS)[self.pattern].tolist()
        return dict(zip(self.rows[fraud.PAYMENTS.name]["payment_id"].to_pylist(), names, strict=True))

    def card_of(self, payment: str) -> str:
        """The card of a payment, under the id that the bank knows it by."""
        payments = self.rows[fraud.PAYMENTS.name]
        return str(payments["card_id"][pc.index(payments["payment_id"], payment).as_py()].as_py())

    def __iter__(self) -> Iterator[tuple[Table, pa.Table]]:
        """Each table's definition with its rows, entities first."""
        return ((table, self.rows[table.name]) for table in fraud.TABLES)


def events(city: City) -> BankEvents:
    """Everything that happens in a city in its days."""
    holders = world.Holders.of(city)
    honest = world.honest(city, holders)
    stolen = (
        patterns.testing(city, holders), patterns.skimming(city, holders, honest), patterns.takeover(city, holders),
        patterns.wave(city, holders, honest),
    )  # fmt: skip
    every = sum(stolen, honest).in_order()
    payments = every.only(every.at < city.every_day * DAY)
    decided = aftermath.decided_by_rules(city, holders, payments)
    complaints = aftermath.disputes(city, payments, decided)
    looked_at = np.flatnonzero(np.isfinite(decided.verdict_at))
    ids = numbered("p", np.arange(len(payments.at)), 8)
    complained, reviewed = (_said_again(payments, ids, at) for at in (complaints.payment, looked_at))
    rows = {
        fraud.CARDS.name: _cards(city, holders.zone),
        fraud.TERMINALS.name: _terminals(city),
        fraud.DEVICES_SEEN.name: _devices(city, payments),
        fraud.PAYMENTS.name: _payments(city, payments, decided, ids),
        fraud.DISPUTES.name: _rows(
            city, fraud.DISPUTES, complaints.at, dispute_id=numbered("c", complaints.payment, 8),
            **complained, reason=np.array(fraud.REASONS)[complaints.reason],
        ),
        fraud.REVIEWS.name: _rows(
            city, fraud.REVIEWS, decided.verdict_at[looked_at], review_id=numbered("r", looked_at, 8),
            **reviewed, by_lot=decided.by_lot[looked_at],
            verdict=np.where(decided.verdict[looked_at], *fraud.VERDICTS),
        ),
    }  # fmt: skip
    return BankEvents(rows, payments.pattern)


def _payments(city: City, payments: Payments, decided: aftermath.Decided, ids: pa.Array) -> pa.Table:
    count = len(payments.at)
    nothing = [None] * count
    return _rows(
        city, fraud.PAYMENTS, payments.at, payment_id=ids, card_id=numbered("c", payments.card, 6),
        terminal_id=numbered("t", payments.terminal, 5), device_id=_device_ids(payments), amount=payments.amount,
        channel=np.array(fraud.CHANNELS)[payments.channel], action=np.array(fraud.ACTIONS)[decided.action],
        completed=decided.completed, by_lot=decided.by_lot, propensity=decided.propensity.astype(np.float32),
        score=nothing, threshold=nothing, reasons=[[]] * count, release=nothing, served_by=["rules"] * count,
        variant=nothing,
        served_features=nothing,
    )  # fmt: skip


def _said_again(payments: Payments, ids: pa.Array, places: Int64s) -> dict[str, pa.Array]:
    """What disputes and reviews say of the payments that they are about."""
    return {
        "payment_id": ids.take(places),
        "card_id": numbered("c", payments.card[places], 6),
        "terminal_id": numbered("t", payments.terminal[places], 5),
        "device_id": _device_ids(payments).take(places),
    }


def _device_ids(payments: Payments) -> pa.Array:
    """A thief's device by its number, a holder's by card and how often it was replaced; null where none was used."""
    return pa.array(np.asarray(numbered("d", _numbers(payments), 8)), mask=payments.device < 0)


def _numbers(payments: Payments) -> Int64s:
    own = payments.card + REPLACED * world.replaced(payments.card, payments.at)
    return np.where(payments.device == 0, own, payments.device)


def _cards(city: City, zone: Int64s) -> pa.Table:
    long_ago = -generator(city.seed, "issued").uniform(30, 1_500, city.cards) * DAY
    return _rows(
        city, fraud.CARDS, np.zeros(city.cards), card_id=numbered("c", np.arange(city.cards), 6),
        zone=numbered("z", zone, 2), issued_at=moments(city.start, long_ago),
    )  # fmt: skip


def _terminals(city: City) -> pa.Table:
    rng = generator(city.seed, "terminals")
    opened = -rng.uniform(10, 3_000, city.terminals) * DAY
    return _rows(
        city, fraud.TERMINALS, np.zeros(city.terminals),
        terminal_id=numbered("t", np.arange(city.terminals), 5), sector=rng.choice(fraud.SECTORS, city.terminals),
        zone=numbered("z", world.terminal_zones(city), 2), opened_at=moments(city.start, opened),
    )  # fmt: skip


def _devices(city: City, payments: Payments) -> pa.Table:
    """The devices that holders have from the first day on, known for long, and each other one as it is first seen."""
    numbers, rng = _numbers(payments), generator(city.seed, "devices")
    places = np.flatnonzero((payments.device >= 0) & (numbers >= city.cards))
    _, first = np.unique(numbers[places], return_index=True)
    seen = places[np.sort(first)]
    known = -rng.uniform(30, 1_500, city.cards) * DAY
    kinds = rng.choice(fraud.DEVICES, city.cards + len(seen), p=[0.6, 0.3, 0.1])
    return _rows(
        city, fraud.DEVICES_SEEN, np.r_[np.zeros(city.cards), payments.at[seen]],
        device_id=numbered("d", np.r_[np.arange(city.cards), numbers[seen]], 8), kind=kinds,
        seen_at=moments(city.start, np.r_[known, payments.at[seen]]),
    )  # fmt: skip


def _rows(city: City, table: Table, at: Float64s, **columns: object) -> pa.Table:
    return rows_of(table, city.start, at, city.seed, TRAVELS, **columns)
