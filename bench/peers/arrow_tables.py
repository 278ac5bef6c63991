"""Arrow tables for the evaluation phase of the query engines: integer keys, codes as small integers, one wide household
table – the best form that each of them can be given. And results back from Arrow."""

import json
import pathlib

import numpy as np
import pyarrow as pa

from load import Snapshot
from result import HOUSEHOLD, MISSING, PERSON, SUMS

BOOLEAN = {"insured", "water_ok", "has_car"}
DATES = {"birth", "surveyed"}


def column(name, values, known):
    mask = None if known is None else ~known
    if name in BOOLEAN:
        return pa.array(values.astype(bool), mask=mask)
    array = pa.array(values, mask=mask)
    return array.cast(pa.date32()) if name in DATES else array


def tables(folder):
    s = Snapshot(folder)
    person = {"pid": pa.array(np.arange(s.people, dtype=np.int32)), "hid": pa.array(s.household_of())}
    person |= {n: column(n, *c) for n, c in s.person.items()}
    household = {"hid": pa.array(np.arange(s.households, dtype=np.int32)), "vid": pa.array(s.village_of())}
    household |= {n: column(n, *c) for n, c in s.household.items()}
    line = np.where(s.villages // 10**8 == 1501, 460_000, np.where(s.pastoral == 1, 400_000, 310_050))
    village = {"vid": pa.array(np.arange(len(s.villages), dtype=np.int32)), "code": pa.array(s.villages), "dibao_line": pa.array(line)}
    return pa.table(person), pa.table(household), pa.table(village), s.complete


def made_with_holes(folder):
    """Whether the generator left values out: an author of SQL must know beforehand which form to write."""
    return json.loads((pathlib.Path(folder) / "made.json").read_text())["missing"] > 0


def integers(array):
    """A column of results as 64-bit integers with the reserved value for missing."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    array = array.cast(pa.int64())
    return array.fill_null(pa.scalar(int(MISSING), pa.int64())).to_numpy(zero_copy_only=False)


def results(person, household, indicators):
    levels = {}
    digits, division = integers(indicators["digits"]), integers(indicators["division"])
    sums = np.stack([integers(indicators[n]) if n in indicators.column_names else np.zeros(len(digits), np.int64)
                     for n in SUMS + [f"u_{n}" for n in SUMS]], axis=1)
    for level in (2, 4, 6, 9, 12):
        rows = np.flatnonzero(digits == level)
        rows = rows[np.argsort(division[rows])]
        levels[level] = (division[rows], sums[rows])
    return {n: integers(person[n]) for n in PERSON}, {n: integers(household[n]) for n in HOUSEHOLD}, levels
