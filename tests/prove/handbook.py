"""The simulated card payments of a public handbook, made again by its published law (Le Borgne et al. 2022).

5,000 customers pay at 10,000 terminals near them for 183 days. Three ways of fraud: an amount above 220; a terminal
that is compromised for 28 days; a customer whose card number leaked, a third of whose payments of 14 days are five
times as large. With the handbook's seeds there are as many rows as its authors published, 1,754,155; which cards and
terminals are drawn differs a little with the version of pandas: 14,763 frauds against 14,681.
"""

import random
from datetime import datetime

import numpy as np
import pandas as pd

CUSTOMERS, TERMINALS, DAYS, RADIUS = 5_000, 10_000, 183, 5
START = datetime(2018, 4, 1)
LEAKED_DAYS, COMPROMISED_DAYS, LARGE = 14, 28, 220
A_DAY = 86_400


def payments(customers: int = CUSTOMERS, terminals: int = TERMINALS, days: int = DAYS) -> pd.DataFrame:
    """The handbook's table, in order of time: its eight columns that others use."""
    rng = np.random.RandomState(0)
    holders = np.array([[rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(5, 100), rng.uniform(0, 4)]
                        for _ in range(customers)])  # fmt: skip
    places = np.random.RandomState(0).uniform(0, 100, (terminals, 2))
    parts = [_of_customer(number, holder, places, days) for number, holder in enumerate(holders)]
    frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
    frame["TX_DATETIME"] = START + pd.to_timedelta(frame["TX_TIME_SECONDS"], unit="s")
    frame = frame.sort_values("TX_DATETIME", kind="quicksort").reset_index(drop=True)
    frame.insert(0, "TRANSACTION_ID", frame.index)
    return _with_frauds(frame, customers, terminals)


def _of_customer(
    number: int,
    holder: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    places: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    days: int,
) -> pd.DataFrame:
    near = np.flatnonzero(np.sqrt(((places - holder[:2]) ** 2).sum(axis=1)) < RADIUS).tolist()
    choice, rng = random.Random(number), np.random.RandomState(number)
    mean, a_day = holder[2], holder[3]
    rows = []
    for day in range(days):
        for _ in range(rng.poisson(a_day)):
            second = int(rng.normal(A_DAY / 2, 20_000))
            if not 0 < second < A_DAY:
                continue
            amount = rng.normal(mean, mean / 2)
            amount = rng.uniform(0, mean * 2) if amount < 0 else amount
            if near:
                rows.append((second + day * A_DAY, number, choice.choice(near), round(amount, 2), day))
    return pd.DataFrame(rows, columns=["TX_TIME_SECONDS", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_TIME_DAYS"])


def _with_frauds(frame: pd.DataFrame, customers: int, terminals: int) -> pd.DataFrame:
    day, amount = frame["TX_TIME_DAYS"].to_numpy(), frame["TX_AMOUNT"].to_numpy().copy()
    scenario = np.where(amount > LARGE, 1, 0)
    for first in range(int(day.max())):
        bad = pd.Series(range(terminals)).sample(n=2, random_state=first)
        during = (day >= first) & (day < first + COMPROMISED_DAYS)
        scenario[during & frame["TERMINAL_ID"].isin(bad).to_numpy()] = 2
    for first in range(int(day.max())):
        leaked = pd.Series(range(customers)).sample(n=3, random_state=first)
        during = (day >= first) & (day < first + LEAKED_DAYS)
        rows = np.flatnonzero(during & frame["CUSTOMER_ID"].isin(leaked).to_numpy())
        chosen = random.Random(first).sample(rows.tolist(), k=int(len(rows) / 3))
        amount[chosen] *= 5
        scenario[chosen] = 3
    return frame.assign(TX_AMOUNT=amount, TX_FRAUD=(scenario > 0).astype(int), TX_FRAUD_SCENARIO=scenario)
