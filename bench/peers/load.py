"""Reads a snapshot into NumPy arrays: the in-memory form of the peers that have no Parquet reader of their own.

Households stand in file order, members contiguous below them; codes are positions in the lists below, money is in fen.
"""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CODES = {
    "area_kind": ["farm", "pastoral"],
    "relation": ["01", "02", "03", "04", "05"],
    "labour": ["01", "02", "03", "04"],
    "schooling": ["00", "01", "02", "03", "04", "05", "06"],
    "health": ["01", "02", "03", "04"],
    "disability_grade": ["0", "1", "2", "3", "4"],
    "dwelling_grade": ["A", "B", "C", "D"],
    "main_cause": ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"],
}
# Narrow where the field's meaning allows it, as a careful author would choose.
PERSON = {"birth": np.int32, "relation": np.int8, "labour": np.int8, "schooling": np.int8, "health": np.int8,
          "disability_grade": np.int8, "insured": np.int8, "months_away": np.int8, "wage": np.int64, "medical_cost": np.int64}
HOUSEHOLD = {"dwelling_grade": np.int8, "dwelling_area": np.int32, "water_ok": np.int8, "main_cause": np.int8, "surveyed": np.int32}
INCOME = {n: np.int64 for n in ("farming", "business", "transfer", "property", "production_cost")}
LIVING = {"debt": np.int64, "has_car": np.int8, "sheep_units": np.int64, "grain_kg": np.int32}


def files(snapshot, register):
    path = pathlib.Path(snapshot) / register
    return sorted(path.glob("*.parquet")) if path.is_dir() else [path.with_suffix(".parquet")]


def read(snapshot, register, columns):
    threads = pa.cpu_count() > 1
    return pa.concat_tables([pq.read_table(f, columns=columns, use_threads=threads) for f in files(snapshot, register)])


def numpy_column(column, name, dtype):
    """Values (0 where missing) and a mask of the known ones, or None if all are known."""
    known = None
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries().combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        place = np.array([CODES[name].index(c) for c in column.dictionary.to_pylist()], dtype=np.int8)
        if column.null_count:
            known = pc.is_valid(column).to_numpy(zero_copy_only=False)
        indices = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return place[indices].astype(dtype, copy=False), known
    if column.null_count:
        known = pc.is_valid(column).to_numpy()
        column = pc.fill_null(column, False if pa.types.is_boolean(column.type) else pa.scalar(0, pa.int32()).cast(column.type))
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    return column.to_numpy().astype(dtype, copy=False), known


class Snapshot:
    """`person` and `household` map a field to (values, known or None); offsets give each household's members."""

    def __init__(self, folder, year=2015):
        household = read(folder, "household", ["household_no", "division", *HOUSEHOLD])
        person = read(folder, "person", ["household_no", *PERSON])
        income = read(folder, "income", ["household_no", "period", *INCOME])
        living = read(folder, "living", ["household_no", *LIVING])
        divisions = pq.read_table(pathlib.Path(folder) / "division.parquet")["code"].to_pylist()
        self.levels = {n: sorted(c for c in divisions if len(c) == n) for n in (2, 4, 6, 9, 12)}
        self.villages = np.array(self.levels[12], dtype=np.int64)

        number = household["household_no"].cast(pa.int64()).to_numpy()
        if np.any(np.diff(number) <= 0):
            raise SystemExit("this loader wants households in the order of their numbers")
        income = income.filter(pc.equal(income["period"], year))
        for table in (income, living):
            if not np.array_equal(table["household_no"].cast(pa.int64()).to_numpy(), number):
                raise SystemExit("this loader wants one record of income and living for each household, in order")
        self.households = len(number)
        of = person["household_no"].cast(pa.int64()).to_numpy()
        change = np.flatnonzero(np.concatenate(([True], of[1:] != of[:-1])))
        if not np.array_equal(of[change], number):
            raise SystemExit("this loader wants members below their household, and no household without members")
        self.members_at = np.append(change, len(of)).astype(np.int32)
        self.people = len(of)
        village = number // 10_000
        self.households_at = np.searchsorted(village, np.append(self.villages, 10**12)).astype(np.int32)
        self.person = {n: numpy_column(person[n], n, t) for n, t in PERSON.items()}
        self.household = {n: numpy_column(household[n], n, t) for n, t in HOUSEHOLD.items()}
        self.household |= {n: numpy_column(income[n], n, t) for n, t in INCOME.items()}
        self.household |= {n: numpy_column(living[n], n, t) for n, t in LIVING.items()}
        kinds = pq.read_table(pathlib.Path(folder) / "banner_file.parquet")
        kind_of = dict(zip(kinds["division"].to_pylist(), kinds["area_kind"].to_pylist()))
        self.pastoral = np.array([kind_of.get(c[:6]) == "pastoral" for c in self.levels[12]], dtype=np.int8)

    @property
    def complete(self):
        return all(k is None for c in (self.person, self.household) for _, k in c.values())

    def household_of(self):
        return np.repeat(np.arange(self.households, dtype=np.int32), np.diff(self.members_at))

    def village_of(self):
        return np.repeat(np.arange(len(self.villages), dtype=np.int32), np.diff(self.households_at))
