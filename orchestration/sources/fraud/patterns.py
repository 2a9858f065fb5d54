"""Three ways to steal, each beginning on its own day, and each changing once it is found out.

card testing   many small payments from one device within minutes, then a large one; later slower, and not so small;
               at last a wave of them, from a device each, which no card or device shows by its speed
skimming       a terminal copies cards, which pay elsewhere days later; later it copies for a shorter time
takeover       a new device pays many times the usual amount; later little more than the usual amount, and every second
               time from the holder's own device
"""

import numpy as np

from infra.arrays import Float64s, Int64s
from orchestration.sources.fraud.world import CHIP, ONLINE, City, Holders, Payments, terminal_zones
from orchestration.sources.kit import DAY, generator

PATTERNS = ("honest", "card testing", "skimming", "takeover")
TESTING, SKIMMING, TAKEOVER = 1, 2, 3
WAVE = 4
THIEVES, KEEPS = 12, 21 * DAY
"""So many devices each pattern is done from at a time, and how long a thief keeps one."""
FIRST_DEVICE = {
    TESTING: 100_000,
    TAKEOVER: 500_000,
    WAVE: 1_000_000,
}  # thieves' devices, apart from each other and from the holders' own


def testing(city: City, holders: Holders) -> Payments:
    """Bursts of small payments on one card, followed by a large one."""
    rng = generator(city.seed, "testing")
    bursts = rng.poisson(city.cards / 400 * (city.every_day - city.begins[0]))
    begin = rng.uniform(city.begins[0], city.every_day, bursts) * DAY
    slow = begin >= city.adapts[0] * DAY
    size = rng.integers(4, 10, bursts)
    burst = np.repeat(np.arange(bursts), size)
    nth = np.concatenate([np.arange(n) for n in size]) if bursts else np.zeros(0, dtype=int)
    gap = np.where(slow[burst], rng.uniform(900, 2_400, len(burst)), rng.uniform(5, 30, len(burst)))
    last = nth == size[burst] - 1
    small = np.where(slow[burst], rng.uniform(4, 25, len(burst)), rng.uniform(0.5, 3, len(burst)))
    card = rng.integers(0, city.cards, bursts)[burst]
    return Payments(
        at=begin[burst] + nth * gap,
        card=card,
        terminal=rng.integers(0, city.terminals, bursts)[burst],
        amount=np.round(np.where(last, holders.level[card] * rng.uniform(4, 9, len(burst)), small), 2).astype(
            np.float64
        ),
        channel=np.full(len(burst), ONLINE),
        device=FIRST_DEVICE[TESTING] + _thief(burst, begin[burst]),
        pattern=np.full(len(burst), TESTING),
    )


def wave(city: City, holders: Holders, honest: Payments) -> Payments:
    """Card testing that adapts once more: single payments of a few euros on many cards, each from another device."""
    if not np.isfinite(city.wave_from):
        return honest.only(np.zeros(len(honest.at), dtype=bool))
    rng = generator(city.seed, "wave")
    count = int(city.wave * (honest.at >= city.wave_from * DAY).sum())
    return Payments(
        at=rng.uniform(city.wave_from, city.every_day, count) * DAY,
        card=rng.integers(0, city.cards, count),
        terminal=rng.integers(0, city.terminals, count),
        amount=np.round(rng.uniform(1, 6, count), 2),
        channel=np.full(count, ONLINE),
        device=FIRST_DEVICE[WAVE] + np.arange(count),
        pattern=np.full(count, TESTING),
    )


def skimming(city: City, holders: Holders, honest: Payments) -> Payments:
    """Cards that were used at a skimming terminal pay in another zone one to four days later."""
    rng = generator(city.seed, "skimming")
    zones, parts = terminal_zones(city), []
    day = float(city.begins[1])
    while day < city.every_day:
        lasts = 3.0 if day < city.adapts[1] else 1.0
        bad = rng.choice(city.terminals, max(1, city.terminals // 100), replace=False)
        used = np.isin(honest.terminal, bad) & (honest.at >= day * DAY) & (honest.at < (day + lasts) * DAY)
        copied = honest.only(np.asarray(used & (rng.random(len(used)) < 0.5)))
        elsewhere = (zones[copied.terminal] + rng.integers(1, city.zones, len(copied.at))) % city.zones
        shop = rng.integers(0, city.terminals // city.zones, len(copied.at))
        parts.append(
            Payments(
                at=copied.at + rng.uniform(1, 4, len(copied.at)) * DAY,
                card=copied.card,
                terminal=shop * city.zones + elsewhere,
                amount=np.round(holders.level[copied.card] * rng.uniform(1.5, 4, len(copied.at)), 2),
                channel=np.full(len(copied.at), CHIP),
                device=np.full(len(copied.at), -1),
                pattern=np.full(len(copied.at), SKIMMING),
            )
        )
        day += lasts
    return sum(parts[1:], parts[0])


def takeover(city: City, holders: Holders) -> Payments:
    """A card pays online from a device that nobody knows, at night at first and a lot at first."""
    rng = generator(city.seed, "takeover")
    thefts = rng.poisson(city.cards / 250 * (city.every_day - city.begins[2]))
    begin = rng.uniform(city.begins[2], city.every_day, thefts)
    careful = begin >= city.adapts[2]
    size = rng.integers(1, 4, thefts)
    theft = np.repeat(np.arange(thefts), size)
    night = np.floor(begin[theft]) + np.where(careful[theft], rng.uniform(0.4, 0.9), rng.uniform(0.0, 0.2, len(theft)))
    factor = np.where(careful[theft], rng.uniform(1.0, 2.0, len(theft)), rng.uniform(3, 8, len(theft)))
    card = rng.integers(0, city.cards, thefts)[theft]
    return Payments(
        at=night * DAY + rng.uniform(0, 1_800, len(theft)),
        card=card,
        terminal=rng.integers(0, city.terminals, len(theft)),
        amount=np.round(holders.level[card] * factor, 2),
        channel=np.full(len(theft), ONLINE),
        device=np.where(
            careful[theft] & (rng.random(thefts) < 0.5)[theft], 0, FIRST_DEVICE[TAKEOVER] + theft % THIEVES
        ),
        pattern=np.full(len(theft), TAKEOVER),
    )


def _thief(theft: Int64s, at: Float64s) -> Int64s:
    """The number of the device that each theft is done from."""
    thief = theft % THIEVES
    return thief + THIEVES * ((at + thief * DAY) // KEEPS).astype(np.int64)
