"""Reads a result folder that `bangfu run` wrote (docs/snapshot-format.md) into the columns that are compared."""

import json
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from result import HOUSEHOLD, INDICATORS, MISSING, PERSON, digest

SCALES = {"adult_units": 1, "units": 1}
CODES = {"household_class": ["0", "1", "2", "3"], "measure": ["00", "01", "02", "03", "04", "05"]}


def cells(column, name):
    """Booleans as 0 and 1, codes as positions, decimals as whole numbers of their last digit."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if name in CODES:
        column = pc.index_in(column, pa.array(CODES[name], column.type))
    elif pa.types.is_decimal(column.type):
        scale = column.type.scale
        if scale not in (2, SCALES.get(name, 2)):
            raise SystemExit(f"{name} has {scale} digits after the point")
        column = pc.multiply(column.cast(pa.decimal128(28, scale)), pa.scalar(10**scale, pa.decimal128(4, 0)))
    return column.cast(pa.int64()).fill_null(pa.scalar(int(MISSING), pa.int64())).to_numpy(zero_copy_only=False)


def entity(folder, name, key, variables):
    path = pathlib.Path(folder) / f"{name}.parquet"
    files = sorted((pathlib.Path(folder) / name).glob("*.parquet")) if not path.exists() else [path]
    table = pa.concat_tables([pq.read_table(f) for f in files])
    number = table[key].cast(pa.string()).cast(pa.int64()).to_numpy()
    missing = [v for v in variables if v not in table.column_names]
    if missing:
        raise SystemExit(f"{name}.parquet has no column {', '.join(missing)}")
    order = np.argsort(number, kind="stable") if np.any(np.diff(number) < 0) else slice(None)
    return {f"{name}.{v}": cells(table[v], v)[order] for v in variables}


def indicators(folder, divisions):
    """In the order of the peers: level, indicator, division."""
    table = pq.read_table(pathlib.Path(folder) / "indicators.parquet")
    text = lambda name: [str(v) for v in table[name].to_pylist()]
    rows = {}
    for division, indicator, n, d, u in zip(text("division"), text("indicator"), *(table[c].to_pylist() for c in ("numerator", "denominator", "unknown"))):
        rows[division, indicator] = (n, d, u)
    out = {"numerator": [], "denominator": [], "unknown": []}
    for digits in (2, 4, 6, 9, 12):
        codes = sorted(c for c in divisions if len(c) == digits)
        for indicator, (_, denominator) in INDICATORS.items():
            for code in codes:
                n, d, u = rows.get((code, indicator), (int(MISSING),) * 3)
                out["numerator"].append(int(MISSING) if n is None else n)
                # Without a denominator the file may hold null, 0 or 1.
                out["denominator"].append(-1 if denominator is None and d in (None, 0, 1) else int(MISSING) if d is None else d)
                out["unknown"].append(0 if u is None else u)
    return {f"indicators.{k}": np.array(v, dtype=np.int64) for k, v in out.items()}


def columns(folder, snapshot):
    divisions = pq.read_table(pathlib.Path(snapshot) / "division.parquet")["code"].to_pylist()
    return (entity(folder, "person", "person_no", PERSON) | entity(folder, "household", "household_no", HOUSEHOLD)
            | indicators(folder, divisions))


if __name__ == "__main__":
    found = columns(sys.argv[1], sys.argv[2])
    if len(sys.argv) > 3:
        np.savez(sys.argv[3], **found)
    json.dump({"digest": {n: digest(v) for n, v in found.items()}}, sys.stdout)
