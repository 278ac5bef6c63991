"""Writes a synthetic snapshot for the benchmark pack: the layout of docs/snapshot-format.md, one file per banner.

    make_data.py --people 1000000 --out DIR [--missing 0.01] [--seed 1]

The same arguments always give the same values. With `--missing F` every nullable input is missing with probability F,
independently; all other values stay the same as without. Persons are nobody: there are no names and no id numbers.
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LEAGUES = 12
BANNERS = 103
TOWNSHIPS_PER_BANNER = 10
VILLAGES = 14_000
YEAR = 2015
MEMBERS_P = [0.18, 0.32, 0.24, 0.16, 0.07, 0.03]  # one to six members: 2.71 on average

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


def day(year, month, dom):
    return int((np.datetime64(f"{year:04d}-{month:02d}-{dom:02d}") - np.datetime64("1970-01-01")).astype(int))


def divisions():
    """Codes by level, top down; every banner has ten townships, the villages are spread over these."""
    rng = np.random.default_rng(15)
    leagues = [f"15{i + 1:02d}" for i in range(LEAGUES)]
    banners, seen = [], {}
    for i in range(BANNERS):
        league = leagues[i * LEAGUES // BANNERS]
        seen[league] = seen.get(league, 20) + 1
        banners.append(f"{league}{seen[league]:02d}")
    townships = [f"{b}{100 + t:03d}" for b in banners for t in range(TOWNSHIPS_PER_BANNER)]
    per = np.full(len(townships), VILLAGES // len(townships))
    per[rng.choice(len(townships), VILLAGES - int(per.sum()), replace=False)] += 1
    villages = [f"{t}{200 + v:03d}" for t, n in zip(townships, per) for v in range(n)]
    return {2: ["15"], 4: leagues, 6: banners, 9: townships, 12: villages}


def code_column(name, values, missing):
    dictionary = pa.array(CODES[name])
    indices = pa.array(values.astype(np.int8), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, dictionary)


class Holes:
    """Draws which values are missing, from a generator of its own so that the values do not change with it."""

    def __init__(self, fraction, seed):
        self.fraction = fraction
        self.rng = np.random.default_rng(seed)

    def __call__(self, rows):
        return None if self.fraction == 0 else self.rng.random(rows) < self.fraction


def banner_tables(villages, households, rng, holes):
    """The four household-level tables of one banner."""
    counts = households
    n = int(counts.sum())
    village_of = np.repeat(np.arange(len(villages)), counts)
    serial = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    village_no = np.array(villages, dtype=np.int64)
    household_no = village_no[village_of] * 10_000 + serial + 1
    members = rng.choice(len(MEMBERS_P), n, p=MEMBERS_P) + 1
    people = int(members.sum())
    hid = np.repeat(np.arange(n), members)
    place = np.arange(people) - np.repeat(np.cumsum(members) - members, members)

    # Ages hang together: the head's, the spouse's near it, children a generation below, parents one above.
    head_age = np.clip(rng.normal(54, 15, n), 19, 95)
    kind = np.where(place == 0, 0, np.where(place == 1, np.where(rng.random(people) < 0.75, 1, 2),
                    rng.choice([2, 3, 4], people, p=[0.72, 0.2, 0.08])))
    base = head_age[hid]
    age_years = np.select(
        [kind == 0, kind == 1, kind == 2, kind == 3],
        [base, np.clip(base + rng.normal(-1, 3, people), 18, 98), np.clip(base - rng.uniform(20, 38, people), 0, 70),
         np.clip(base + rng.uniform(20, 30, people), 45, 101)],
        rng.uniform(0, 90, people))
    birth = day(YEAR, 12, 31) - (age_years * 365.25 + rng.uniform(0, 365, people)).astype(np.int64)
    birth = np.maximum(birth, day(1905, 1, 1)).astype(np.int32)

    labour = np.where(age_years < 16, 3, np.where(age_years > 74, 3, rng.choice(4, people, p=[0.12, 0.55, 0.2, 0.13])))
    in_school = rng.random(people) < np.select([age_years < 3, age_years < 6, age_years < 15, age_years < 18, age_years < 22],
                                               [0.0, 0.7, 0.975, 0.8, 0.4], 0.0)
    stage = np.select([age_years < 6, age_years < 12, age_years < 15, age_years < 18], [1, 2, 3, rng.choice([4, 5], people)], 6)
    schooling = np.where(in_school, stage, 0)
    health = rng.choice(4, people, p=[0.78, 0.12, 0.04, 0.06])
    grade = np.where(health == 3, rng.choice([1, 2, 3, 4], people), 0)
    insured = rng.random(people) < 0.985
    working = (labour < 2) & (schooling == 0)
    months_away = np.where(working & (rng.random(people) < 0.4), rng.integers(1, 13, people), 0)
    wage = np.where(months_away > 0, (months_away * rng.lognormal(12.2, 0.5, people)).astype(np.int64), 0)
    medical = np.where(rng.random(people) < 0.6, rng.lognormal(10.5, 1.2, people).astype(np.int64), 0)
    medical = np.where(health == 2, medical + rng.lognormal(14.0, 0.8, people).astype(np.int64), medical)

    wealth = rng.normal(0, 0.6, n)
    farming = np.exp(rng.normal(12.7, 0.7, n) + wealth).astype(np.int64)
    # A fifth of the households keeps exact round sums, so that some stand exactly on the line.
    farming = np.where(rng.random(n) < 0.2, members * 285_500, farming)
    business = np.where(rng.random(n) < 0.15, np.exp(rng.normal(13, 0.9, n)), 0).astype(np.int64)
    transfer = np.where(rng.random(n) < 0.6, np.exp(rng.normal(11.5, 0.6, n)), 0).astype(np.int64)
    prop = np.where(rng.random(n) < 0.25, np.exp(rng.normal(11, 0.8, n)), 0).astype(np.int64)
    cost = np.where(rng.random(n) < 0.8, farming * rng.uniform(0, 1.1, n), 0).astype(np.int64)
    sheep = np.where(rng.random(n) < 0.35, rng.lognormal(8.2, 1.0, n), 0).astype(np.int64)
    debt = np.where(rng.random(n) < 0.3, rng.lognormal(14, 1.0, n), 0).astype(np.int64)
    car = rng.random(n) < np.clip(0.1 + 0.1 * wealth, 0, 1)
    grain = np.where(rng.random(n) < 0.85, rng.integers(100, 3000, n), rng.integers(0, 300, n))
    dwelling = rng.choice(4, n, p=[0.45, 0.4, 0.1, 0.05])
    area = rng.integers(120, 1600, n)
    water = rng.random(n) < 0.96
    cause = rng.choice(10, n, p=[0.3, 0.12, 0.1, 0.08, 0.1, 0.06, 0.04, 0.08, 0.1, 0.02])
    surveyed = (day(2015, 12, 31) - rng.integers(0, 900, n)).astype(np.int32)

    number = pa.array(household_no).cast(pa.string())
    division = pa.array(np.array(villages)[village_of]).dictionary_encode()
    person_no = pa.array(household_no[hid] * 100 + place + 1).cast(pa.string())
    of_household = number.take(pa.array(hid))
    money = lambda values: pa.array(values.astype(np.int64), mask=holes(len(values)))
    household = pa.table({
        "household_no": number,
        "division": division,
        "dwelling_grade": code_column("dwelling_grade", dwelling, holes(n)),
        "dwelling_area": pa.array(area.astype(np.int64), mask=holes(n)),
        "water_ok": pa.array(water, mask=holes(n)),
        "main_cause": code_column("main_cause", cause, holes(n)),
        "surveyed": pa.array(surveyed, mask=holes(n)).cast(pa.date32()),
    })
    person = pa.table({
        "person_no": person_no,
        "household_no": of_household,
        "birth": pa.array(birth, mask=holes(people)).cast(pa.date32()),
        "relation": code_column("relation", kind, holes(people)),
        "labour": code_column("labour", labour, holes(people)),
        "schooling": code_column("schooling", schooling, holes(people)),
        "health": code_column("health", health, holes(people)),
        "disability_grade": code_column("disability_grade", grade, holes(people)),
        "insured": pa.array(insured, mask=holes(people)),
        "months_away": pa.array(months_away.astype(np.int16), mask=holes(people)),
        "wage": money(wage),
        "medical_cost": money(medical),
    })
    income = pa.table({
        "household_no": number,
        "period": pa.array(np.full(n, YEAR, dtype=np.int16)),
        "farming": money(farming),
        "business": money(business),
        "transfer": money(transfer),
        "property": money(prop),
        "production_cost": money(cost),
    })
    living = pa.table({
        "household_no": number,
        "debt": money(debt),
        "has_car": pa.array(car, mask=holes(n)),
        "sheep_units": pa.array(sheep.astype(np.int64), mask=holes(n)),
        "grain_kg": pa.array(grain.astype(np.int32), mask=holes(n)),
    })
    scaled = {"dwelling_area": (household, b"1"), "sheep_units": (living, b"2")}
    tables = {"household": household, "person": person, "income": income, "living": living}
    for column, (table, scale) in scaled.items():
        register = "household" if table is household else "living"
        index = table.schema.get_field_index(column)
        field = table.schema.field(index).with_metadata({b"scale": scale})
        tables[register] = table.cast(table.schema.set(index, field))
    return tables


def write(out, people, missing, seed):
    out = pathlib.Path(out)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    tree = divisions()
    villages, banners = tree[12], tree[6]
    rng = np.random.default_rng(seed)
    weight = rng.lognormal(0, 0.5, len(villages))
    households = np.maximum(np.round(weight / weight.sum() * people / np.dot(MEMBERS_P, range(1, 7))), 0).astype(int)
    for register in ("household", "person", "income", "living"):
        (partial / register).mkdir(parents=True)
    codes = [c for level in tree.values() for c in level]
    pq.write_table(pa.table({"code": codes, "name": [f"division {c}" for c in codes]}), partial / "division.parquet")
    kinds = np.array([i % 3 == 0 for i in range(len(banners))]).astype(int)
    pq.write_table(pa.table({"division": banners, "area_kind": code_column("area_kind", kinds, None)}), partial / "banner_file.parquet")
    village_banner = np.array([v[:6] for v in villages])
    rows = {}
    for index, banner in enumerate(banners):
        chosen = np.flatnonzero(village_banner == banner)
        tables = banner_tables([villages[i] for i in chosen], households[chosen],
                               np.random.default_rng([seed, index]), Holes(missing, [seed, index, 99]))
        for register, table in tables.items():
            pq.write_table(table, partial / register / f"{banner}.parquet", compression="zstd", compression_level=1)
            rows[register] = rows.get(register, 0) + table.num_rows
    (partial / "made.json").write_text(json.dumps({"people": people, "missing": missing, "seed": seed, "rows": rows}))
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    print(json.dumps(write(arguments.out, arguments.people, arguments.missing, arguments.seed)))
