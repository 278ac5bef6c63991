"""Compares Bangfu with the same policy written by hand for other systems – results first, then times.

    run.py --people 1000000 10000000 --missing 0 0.01 --threads 1 2

For each snapshot every peer hands over a digest of every column (all variables of all persons and households, all
indicators of all divisions). If any differs, no time is measured and the first differing cells are shown. Then the
peers run in turns, each in a process of its own held to the same processors, and the medians are compared.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
AS_OF = "2015-12-31"
PEERS = ["limit", "openfisca", "polars", "datafusion", "duckdb"]
KNOWN_ONLY = {"openfisca"}


def run(command, threads, **more):
    """Output, wall seconds and peak memory (MB) of a process held to some processors."""
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    environment = os.environ | {"POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    with open(more.get("log", os.devnull), "ab") as log:
        start = time.perf_counter()
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=log, env=environment,
                                   preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed ({process.returncode}): {' '.join(str(c) for c in command)}\nsee {more.get('log')}")
    return output, wall, usage.ru_maxrss / 1024


class Bench:
    def __init__(self, arguments):
        self.a = arguments
        self.data = pathlib.Path(arguments.data)
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.data / "log.txt"
        self.bangfu = pathlib.Path(arguments.bangfu)
        os.environ["BANGFU_BENCH"] = str(self.data)

    def peer(self, name, snapshot, phase, threads, *more):
        output, wall, peak = run([sys.executable, HERE / "peers" / f"{name}_peer.py", "--snapshot", snapshot, "--phase", phase,
                                  "--threads", threads, "--repeat", self.a.repeat, *more], threads, log=self.log)
        return json.loads(output) | {"wall_s": wall, "peak_rss_mb": peak}

    def snapshot(self, people, missing):
        folder = self.data / (f"{people}" + (f"-missing-{missing}" if missing else ""))
        if not (folder / "made.json").exists():
            say(f"making {people} people, {missing:.0%} missing")
            run([sys.executable, HERE / "make_data.py", "--people", people, "--missing", missing, "--out", folder], 1, log=self.log)
        return folder, json.loads((folder / "made.json").read_text())

    def bangfu_run(self, snapshot, threads):
        """`bangfu run`: Parquet to results on disk."""
        out = self.data / "bangfu-out"
        shutil.rmtree(out, ignore_errors=True)
        _, wall, peak = run([self.bangfu, "run", "--policy", HERE / "pack", "--snapshot", snapshot, "--as-of", AS_OF, "--out", out],
                            threads, log=self.log)
        timings = json.loads((out / "summary.json").read_text())["timings_ms"]
        return out, {"timings_ms": timings, "wall_s": wall, "peak_rss_mb": peak,
                     "disk_ms": [sum(timings[k] for k in ("read", "plan", "evaluate", "indicators"))]}

    def bangfu_evaluate(self, snapshot, threads):
        output, wall, peak = run([self.bangfu, "bench-eval", "--policy", HERE / "pack", "--snapshot", snapshot, "--as-of", AS_OF,
                                  "--repeat", self.a.repeat, "--threads", threads], threads, log=self.log)
        return json.loads(output) | {"wall_s": wall, "peak_rss_mb": peak}

    def compare(self, snapshot, peers, with_bangfu):
        """Digests of everybody; stops when any column differs."""
        digests = {}
        for name in peers:
            for phase in ("digest", "disk-digest"):
                say(f"results of {name}, {phase}")
                digests[f"{name} ({phase})"] = self.peer(name, snapshot, phase, 2)["digest"]
        if with_bangfu:
            say("results of bangfu")
            out, _ = self.bangfu_run(snapshot, 2)
            output, _, _ = run([sys.executable, HERE / "peers" / "bangfu_result.py", out, snapshot], 2, log=self.log)
            digests["bangfu"] = json.loads(output)["digest"]
        reference_name, reference = next(iter(digests.items()))
        different = {name: [c for c in reference if reference[c] != d.get(c)] for name, d in digests.items()}
        different = {name: columns for name, columns in different.items() if columns}
        if different:
            for name, columns in different.items():
                print(f"NOT EQUAL: {name} differs from {reference_name} in {len(columns)} of {len(reference)} columns")
                for c in columns[:12]:
                    print(f"  {c}: {reference_name} {reference[c]['known']} known, sum {reference[c]['sum']};"
                          f" {name} {digests[name][c]['known']} known, sum {digests[name][c]['sum']}")
            if "bangfu" in different:
                self.locate(snapshot, different["bangfu"])
            raise SystemExit("results differ: no times are measured")
        cells = sum(d["rows"] for d in reference.values())
        say(f"equal: {len(digests)} results, {len(reference)} columns, {cells:,} cells")
        return {"results": list(digests), "columns": len(reference), "cells": cells}

    def locate(self, snapshot, columns):
        """The first differing cells of Bangfu against the limit."""
        left, right = self.data / "limit.npz", self.data / "bangfu.npz"
        self.peer(PEERS[0], snapshot, "digest", 2, "--dump", left)
        run([sys.executable, HERE / "peers" / "bangfu_result.py", self.data / "bangfu-out", snapshot, right], 2, log=self.log)
        with np.load(left) as a, np.load(right) as b:
            for c in columns:
                if len(a[c]) != len(b[c]):
                    print(f"  {c}: {len(a[c])} rows against {len(b[c])}")
                    continue
                rows = np.flatnonzero(a[c] != b[c])
                print(f"  {c}: {len(rows)} cells; row, limit, bangfu: " + ", ".join(f"{r}: {a[c][r]} {b[c][r]}" for r in rows[:3]))

    def measure(self, snapshot, peers, with_bangfu):
        samples = {}
        add = lambda name, threads, found: [samples.setdefault((name, threads), {}).setdefault(k, []).extend(v if isinstance(v, list) else [v])
                                            for k, v in found.items() if isinstance(v, (int, float, list)) and not isinstance(v, bool)]
        for round_number in range(self.a.rounds):
            for threads in self.a.threads:
                order = peers + (["bangfu"] if with_bangfu else [])
                order = order[round_number % len(order):] + order[:round_number % len(order)]
                for name in order:
                    say(f"round {round_number + 1}, {threads} threads, {name}")
                    if name == "bangfu":
                        add(name, threads, self.bangfu_evaluate(snapshot, threads))
                        _, found = self.bangfu_run(snapshot, threads)
                        add(name, threads, {f"disk_{k}" if k in ("wall_s", "peak_rss_mb") else k: v for k, v in found.items() if k != "timings_ms"})
                        add(name, threads, {f"run_{k}_ms": v for k, v in found["timings_ms"].items()})
                        continue
                    add(name, threads, self.peer(name, snapshot, "evaluate", threads))
                    found = self.peer(name, snapshot, "disk", threads)
                    add(name, threads, {"disk_ms": found["disk_ms"], "disk_peak_rss_mb": found["peak_rss_mb"], "disk_wall_s": found["wall_s"]})
        return samples


def say(text):
    print(f"[{datetime.datetime.now():%H:%M:%S}] {text}", file=sys.stderr, flush=True)


def table(title, samples):
    """Medians and, where Bangfu took part, how many times longer the others took."""
    reference = "bangfu" if any(n == "bangfu" for n, _ in samples) else "limit"
    lines = [f"### {title}", "", f"| peer | threads | evaluate, ms | × {reference} | disk to indicators, ms | × {reference} | peak memory, MB (evaluate / disk) |",
             "|---|---|---|---|---|---|---|"]
    medians = {key: {k: statistics.median(v) for k, v in found.items()} for key, found in samples.items()}
    for (name, threads), m in sorted(medians.items(), key=lambda item: (item[0][1], item[1]["evaluate_ms"])):
        base = medians[reference, threads]
        lines.append(f"| {name} | {threads} | {m['evaluate_ms']:.1f} | {m['evaluate_ms'] / base['evaluate_ms']:.2f} | {m['disk_ms']:.0f} |"
                     f" {m['disk_ms'] / base['disk_ms']:.2f} | {m['peak_rss_mb']:.0f} / {m['disk_peak_rss_mb']:.0f} |")
    for (name, threads), m in medians.items():
        if name == "bangfu":
            rest = {k: round(v, 2) for k, v in m.items() if k not in ("evaluate_ms", "disk_ms", "peak_rss_mb", "disk_peak_rss_mb")}
            lines += ["", f"bangfu, {threads} threads: " + ", ".join(f"{k} {v}" for k, v in rest.items())]
    return "\n".join(lines) + "\n", {f"{n} {t}": {"median": medians[n, t], "samples": samples[n, t]} for n, t in samples}


def price_of_missing(runs):
    """How many times longer each peer evaluates when values are missing."""
    complete = {r["people"]: r["peers"] for r in runs if not r["missing"]}
    lines = ["### Evaluation with values missing ÷ with everything known", ""]
    for r in runs:
        if r["missing"] and r["people"] in complete:
            known = complete[r["people"]]
            ratios = {n: p["median"]["evaluate_ms"] / known[n]["median"]["evaluate_ms"] for n, p in r["peers"].items() if n in known}
            lines.append(f"- {r['people']:,} people, {r['missing']:.0%}: " + ", ".join(f"{n} threads {q:.2f}" for n, q in sorted(ratios.items())))
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def machine():
    from importlib.metadata import version
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) // 1024
    packages = ("duckdb", "polars", "datafusion", "OpenFisca-Core", "pyarrow", "numpy")
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    return {"processor": model, "processors": len(os.sched_getaffinity(0)), "memory_mb": memory, "python": platform.python_version(),
            "kernel": platform.release(), "compiler": compiler, "commit": commit, "load_before": os.getloadavg(),
            "packages": {p: version(p) for p in packages}, "started": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--missing", type=float, nargs="+", default=[0.0, 0.01])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3, help="measurements in one process, after one that is not counted")
    parser.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS)
    parser.add_argument("--bangfu", default=HERE.parent / "target" / "release" / "bangfu")
    parser.add_argument("--data", default=os.environ.get("BANGFU_BENCH", pathlib.Path.home() / ".cache" / "bangfu-bench"))
    parser.add_argument("--out", help="folder for results.json and results.md (default: the data folder)")
    parser.add_argument("--compare-only", action="store_true", help="compare results, measure nothing")
    parser.add_argument("--without-bangfu", action="store_true")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    if not arguments.without_bangfu and not bench.bangfu.exists():
        raise SystemExit(f"{bench.bangfu} does not exist: build it (cargo build --release), name it with --bangfu, or give --without-bangfu")
    report, text = {"machine": machine(), "runs": []}, []
    for people in arguments.people:
        for missing in arguments.missing:
            snapshot, made = bench.snapshot(people, missing)
            peers = [p for p in arguments.peers if not (missing and p in KNOWN_ONLY)]
            equal = bench.compare(snapshot, peers, not arguments.without_bangfu)
            if arguments.compare_only:
                continue
            samples = bench.measure(snapshot, peers, not arguments.without_bangfu)
            title = f"{made['rows']['person']:,} people, {made['rows']['household']:,} households, {missing:.0%} of values missing"
            shown, found = table(title, samples)
            text.append(shown)
            print(shown, flush=True)
            report["runs"].append({"people": people, "missing": missing, "rows": made["rows"], "equal": equal, "peers": found})
            out = pathlib.Path(arguments.out or bench.data)
            out.mkdir(parents=True, exist_ok=True)
            (out / "results.json").write_text(json.dumps(report, indent=1))
            (out / "results.md").write_text("\n".join([*text, price_of_missing(report["runs"])]))
    print(price_of_missing(report["runs"]))


if __name__ == "__main__":
    main()
