"""What every peer hands over, so that results can be compared before any time is printed."""

import argparse
import hashlib
import json
import os
import resource
import sys
import time

import numpy as np

MISSING = np.int64(-(2**62))

PERSON = ["age", "school_age", "severe_disabled", "dropout", "able", "dependent", "adult_units", "medical_burden", "migrant",
          "living_allowance", "nursing_subsidy", "education_grant", "medical_relief", "old_age_supplement", "person_aid",
          "trainable", "public_job", "public_job_amount"]
HOUSEHOLD = ["members", "able_members", "dropouts", "units", "medical_total", "all_insured", "has_severe", "herd_income",
             "net_income", "per_head", "per_unit", "below_line", "gap", "below_dibao", "crowded", "dwelling_safe",
             "guarantees_ok", "wealthy", "identified_poor", "five_guarantee", "household_class", "dibao_gap", "stale_survey",
             "aid", "income_after", "still_below", "risk_score", "at_risk", "measure", "job_income", "secured"]
# The sums that the indicators are made of; each has a count of the rows that could not be counted.
SUMS = ["people", "poor_households", "poor_people", "below_people", "gap", "net_income", "insured", "dropout", "school_age",
        "unsafe", "households", "able_poor", "guaranteed", "aid", "aid_poor", "still_people", "at_risk", "job_pay", "secured"]
INDICATORS = {
    "population": ("people", None), "poor_households": ("poor_households", None), "poor_population": ("poor_people", None),
    "incidence": ("below_people", "people"), "gap_per_head": ("gap", "people"), "income_per_head": ("net_income", "people"),
    "insured_rate": ("insured", "people"), "dropout_rate": ("dropout", "school_age"),
    "unsafe_dwelling_rate": ("unsafe", "households"), "able_poor": ("able_poor", None), "guaranteed_people": ("guaranteed", None),
    "aid_total": ("aid", None), "aid_per_poor_head": ("aid_poor", "poor_people"), "still_below_rate": ("still_people", "people"),
    "at_risk_rate": ("at_risk", "households"), "job_pay_total": ("job_pay", None), "secured_rate": ("secured", "households"),
}


def digest(values):
    """Of a column in the order of the keys: number of rows, known ones, their sum, and a hash of every cell."""
    values = np.ascontiguousarray(values, dtype=np.int64)
    known = values != MISSING
    return {"rows": len(values), "known": int(known.sum()), "sum": int(values[known].sum()),
            "sha256": hashlib.sha256(values.tobytes()).hexdigest()}


def roll_up(codes, sums):
    """Village sums (villages × sums) to every level: {code: row}."""
    out = {}
    for digits in (2, 4, 6, 9, 12):
        prefix = codes // 10 ** (12 - digits)
        start = np.flatnonzero(np.concatenate(([True], prefix[1:] != prefix[:-1])))
        total = np.add.reduceat(sums, start, axis=0)
        out[digits] = (prefix[start], total)
    return out


def indicator_cells(levels):
    """Rolled-up sums → flat arrays by level, indicator, division: numerators, denominators (-1 without), unknown rows."""
    k = len(SUMS)
    numerators, denominators, unknowns = [], [], []
    for digits in (2, 4, 6, 9, 12):
        _, total = levels[digits]
        for numerator, denominator in INDICATORS.values():
            n = SUMS.index(numerator)
            unknown = total[:, k + n].copy()
            numerators.append(total[:, n])
            if denominator is None:
                denominators.append(np.full(len(total), -1))
            else:
                d = SUMS.index(denominator)
                denominators.append(total[:, d])
                unknown += total[:, k + d]
            unknowns.append(unknown)
    return {f"indicators.{n}": np.concatenate(v) for n, v in
            (("numerator", numerators), ("denominator", denominators), ("unknown", unknowns))}


def all_columns(person, household, levels):
    """Everything that is compared, by name."""
    return ({f"person.{n}": person[n] for n in PERSON} | {f"household.{n}": household[n] for n in HOUSEHOLD}
            | indicator_cells(levels))


def peer(make):
    """Command line of a peer. `make(snapshot, threads)` gives an object with `load()`, `evaluate()` (leaves results in
    the object), `disk()` (Parquet to indicators) and `results()` → (person columns, household columns, level sums)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--snapshot", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--phase", choices=["digest", "disk-digest", "evaluate", "disk"], required=True)
    parser.add_argument("--dump", help="also write all columns to this .npz, to find a difference")
    arguments = parser.parse_args()
    # Pools of threads size themselves by this; and no peer may use more than it was given.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:arguments.threads])
    subject = make(arguments.snapshot, arguments.threads)
    out = {}
    if arguments.phase == "disk":
        times = []
        for _ in range(arguments.repeat):
            start = time.perf_counter()
            subject.disk()
            times.append((time.perf_counter() - start) * 1000)
        out["disk_ms"] = times
    elif arguments.phase == "disk-digest":
        subject.disk()
    else:
        start = time.perf_counter()
        subject.load()
        out["load_ms"] = (time.perf_counter() - start) * 1000
        if arguments.phase == "evaluate":
            times = []
            for _ in range(arguments.repeat + 1):
                start = time.perf_counter()
                subject.evaluate()
                times.append((time.perf_counter() - start) * 1000)
            out["evaluate_ms"] = times[1:]
        else:
            subject.evaluate()
    out["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if arguments.phase.endswith("digest"):
        columns = all_columns(*subject.results())
        out["digest"] = {name: digest(values) for name, values in columns.items()}
        if arguments.dump:
            np.savez(arguments.dump, **columns)
    json.dump(out, sys.stdout)
