"""Polars: a lazy query for each step; households stand in the order of their row index, so that what a person needs of
the household is gathered by index instead of joined."""

import os
import pathlib

import numpy as np

import arrow_tables
from load import CODES
from result import SUMS, peer

LINE = 285_500


class Polars:
    def __init__(self, snapshot, threads):
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        global pl
        import polars as pl
        self.folder = pathlib.Path(snapshot)

    def load(self):
        person, household, village, complete = arrow_tables.tables(self.folder)
        self.person = pl.from_arrow(person, rechunk=True).with_columns(pl.col("hid").set_sorted())
        self.household = pl.from_arrow(household, rechunk=True)
        self.village = pl.from_arrow(village, rechunk=True)
        self.three, self.text = not complete, False

    def code(self, name, *values):
        return list(values) if self.text else [CODES[name].index(v) for v in values]

    def case(self, *arms, otherwise):
        """`when` takes a null condition for a no; here it makes the value unknown."""
        lit = lambda v: v if isinstance(v, pl.Expr) else pl.lit(v)
        chain = None
        for condition, value in arms:
            if self.three:
                chain = (pl if chain is None else chain).when(condition.is_null()).then(None)
            chain = (pl if chain is None else chain).when(condition).then(lit(value))
        return chain.otherwise(lit(otherwise))

    def sum(self, e):
        total = e.sum().cast(pl.Int64)
        return pl.when(e.null_count() == 0).then(total) if self.three else total

    def any(self, e):
        return e.any(ignore_nulls=not self.three)

    def all(self, e):
        return e.all(ignore_nulls=not self.three)

    @staticmethod
    def round_div(n, d):
        """Half away from zero, for d > 0; `//` floors, so it only sees values from zero up."""
        return n.sign() * ((2 * n.abs() + d) // (2 * d))

    @staticmethod
    def percent(e):
        return (e + 50) // 100

    def least(self, e, limit):
        return pl.when(e.is_null() | (e < limit)).then(e).otherwise(limit)

    def table(self, name, e, values):
        keys = self.code(name, *values)
        return e.replace_strict(keys, list(values.values()), return_dtype=pl.Int64)

    def persons(self):
        c, code = pl.col, self.code
        later = (c("birth").dt.month().cast(pl.Int32) * 100 + c("birth").dt.day()) > 831
        return self.person.lazy().with_columns(
            age=2015 - c("birth").dt.year(),
            school_age=(2015 - c("birth").dt.year() - later.cast(pl.Int32)).is_between(6, 14),
            severe_disabled=c("disability_grade").is_in(code("disability_grade", "1", "2")),
        ).with_columns(
            dropout=c("school_age") & (c("schooling") == code("schooling", "00")[0]) & ~c("severe_disabled"),
            able=c("age").is_between(16, 59) & c("labour").is_in(code("labour", "01", "02"))
            & ~c("schooling").is_in(code("schooling", "04", "05", "06")),
            dependent=(c("age") < 16) | (c("age") >= 60) | (c("labour") == code("labour", "04")[0]),
            adult_units=self.case((c("relation") == code("relation", "01")[0], 10), (c("age") >= 14, 7), otherwise=5),
            medical_burden=(c("medical_cost") - 300_000).clip(lower_bound=0),
            severe_or_ill=c("severe_disabled") | (c("health") == code("health", "03")[0]),
        ).with_columns(migrant=c("able") & (c("months_away") >= 6)).collect()

    def households(self, p):
        c, code, case = pl.col, self.code, self.case
        m = p.lazy().group_by("hid", maintain_order=True).agg(
            members=pl.len().cast(pl.Int64), able_members=self.sum(c("able")), dropouts=self.sum(c("dropout")),
            units=self.sum(c("adult_units")), medical_total=self.sum(c("medical_burden")), all_insured=self.all(c("insured")),
            has_severe=self.any(c("severe_or_ill")), wages=self.sum(c("wage")), all_dependent=self.all(c("dependent")),
        ).drop("hid").collect()
        net, some = c("net_income"), c("members") > 0
        dibao = self.village.get_column("dibao_line").gather(self.household.get_column("vid"))
        return pl.concat([self.household, m], how="horizontal").with_columns(dibao_line=dibao).lazy().with_columns(
            herd_income=self.percent(c("sheep_units") * 8_535),
            dwelling_safe=c("dwelling_grade").is_in(code("dwelling_grade", "A", "B")),
            stale_survey=(2015 - c("surveyed").dt.year()) * 12 + 12 - c("surveyed").dt.month() > 12,
        ).with_columns(
            net_income=c("wages") + c("farming") + c("business") + c("transfer") + c("property") + c("herd_income") - c("production_cost"),
        ).with_columns(
            per_head=case((some, self.round_div(net, c("members"))), otherwise=0),
            per_unit=case((c("units") > 0, self.round_div(net * 10, c("units"))), otherwise=0),
            below_line=case((some, net < LINE * c("members")), otherwise=False),
            below_dibao=net < c("dibao_line") * c("members"),
            crowded=case((some, c("dwelling_area") < 130 * c("members")), otherwise=False),
            guarantees_ok=(c("dropouts") == 0) & c("all_insured") & c("dwelling_safe") & c("water_ok"),
            wealthy=(c("has_car") & ~c("has_severe")) | (c("sheep_units") > 40_000),
        ).with_columns(
            gap=case((c("below_line"), LINE * c("members") - net), otherwise=0),
            identified_poor=(c("below_line") | ((c("per_head") * 10 < LINE * 15) & ~c("guarantees_ok"))) & ~c("wealthy"),
            five_guarantee=c("members").is_between(1, 2) & (c("able_members") == 0) & c("below_dibao") & c("all_dependent"),
        ).with_columns(
            household_class=case((c("five_guarantee") & ~c("wealthy"), 3), (c("identified_poor") & c("below_dibao"), 2),
                                 (c("identified_poor"), 1), otherwise=0),
        ).with_columns(
            dibao_gap=case((some & c("household_class").is_in([2, 3]) & c("below_dibao"),
                            self.round_div(c("dibao_line") * c("members") - net, c("members"))), otherwise=0),
        ).collect()

    def benefits(self, p, h):
        c, case = pl.col, self.case
        wanted = h.select("vid", "identified_poor", "household_class", "dibao_gap", "has_severe").select(pl.all().gather(p.get_column("hid")))
        uplifted = c("dibao_gap") + self.percent(c("dibao_gap") * 15)
        poor = c("identified_poor")
        return pl.concat([p, wanted], how="horizontal").lazy().with_columns(
            living_allowance=case(((c("age") < 16) | (c("age") >= 60) | c("severe_disabled"), uplifted), otherwise=c("dibao_gap")),
            nursing_subsidy=case((c("severe_disabled") & (c("household_class") != 3), self.table(
                "disability_grade", c("disability_grade"), {"0": 0, "1": 120_000, "2": 96_000, "3": 0, "4": 0})), otherwise=0),
            education_grant=case((poor, self.table("schooling", c("schooling"), {
                "00": 0, "01": 50_000, "02": 100_000, "03": 125_000, "04": 200_000, "05": 200_000, "06": 1_000_000})), otherwise=0),
            medical_relief=case((poor, self.least(self.percent(c("medical_burden") * 65), 2_000_000)), otherwise=0),
            old_age_supplement=case((c("age") >= 80, 120_000), ((c("age") >= 70) & poor, 60_000), otherwise=0),
            trainable=c("able") & ~c("migrant") & (c("age") <= 45) & poor,
        ).with_columns(
            person_aid=c("living_allowance") + c("nursing_subsidy") + c("education_grant") + c("medical_relief") + c("old_age_supplement"),
        ).collect()

    def outcomes(self, p, h):
        c, case = pl.col, self.case
        m = p.lazy().group_by("hid", maintain_order=True).agg(
            aid=self.sum(c("person_aid")), any_trainable=self.any(c("trainable"))).drop("hid").collect()
        one = lambda condition, points: case((condition, points), otherwise=0)
        return pl.concat([h, m], how="horizontal").lazy().with_columns(income_after=c("net_income") + c("aid")).with_columns(
            still_below=case((c("members") > 0, c("income_after") < LINE * c("members")), otherwise=False),
        ).with_columns(
            risk_score=one(c("still_below"), 3) + one(c("medical_total") * 2 > c("income_after"), 2)
            + one(c("crowded") | ~c("dwelling_safe"), 1) + one(c("debt") > c("income_after"), 1) + one(c("able_members") == 0, 1),
        ).with_columns(at_risk=(c("risk_score") >= 3) | (c("still_below") & c("has_severe"))).with_columns(
            measure=case((c("household_class") == 3, 5), (c("any_trainable"), 1),
                         (~c("dwelling_safe") & c("main_cause").is_in(self.code("main_cause", "06", "07")), 2),
                         (c("grain_kg") < c("members") * 150, 3),
                         ((c("dropouts") > 0) | (c("main_cause") == self.code("main_cause", "04")[0]), 4), (c("at_risk"), 5), otherwise=0),
        ).collect()

    def jobs(self, p, h):
        c = pl.col
        at_risk = h.get_column("at_risk").gather(p.get_column("hid"))
        return p.with_columns(at_risk=at_risk).lazy().with_columns(
            public_job=c("able") & ~c("migrant") & (c("age") >= 40) & c("at_risk"),
        ).with_columns(
            public_job_amount=self.case((c("public_job"), self.case((c("has_severe"), 270_000), otherwise=540_000)), otherwise=0),
        ).collect()

    def final(self, p, h):
        c = pl.col
        m = p.lazy().group_by("hid", maintain_order=True).agg(job_income=self.sum(c("public_job_amount"))).drop("hid").collect()
        enough = self.case((c("members") > 0, c("income_after") + c("job_income") >= LINE * c("members")), otherwise=False)
        return pl.concat([h, m], how="horizontal").with_columns(secured=c("guarantees_ok") & enough)

    def indicators(self, p, h):
        c = pl.col
        count = lambda e: e.sum().cast(pl.Int64)
        total = lambda e, v: v.filter(e).sum().cast(pl.Int64)
        poor, members = c("identified_poor"), c("members")
        persons = {n: c(n) for n in ("insured", "dropout", "school_age")} | {"able_poor": c("able") & poor}
        amounts = {"aid": c("person_aid"), "job_pay": c("public_job_amount")}
        households = {"poor_households": poor, "unsafe": ~c("dwelling_safe"), "at_risk": c("at_risk"), "secured": c("secured")}
        by_members = {"poor_people": poor, "below_people": c("below_line"), "guaranteed": c("household_class").is_in([2, 3])}
        person = {n: count(e) for n, e in (persons | amounts).items()} | {"aid_poor": total(poor, c("person_aid"))}
        household = {n: count(e) for n, e in households.items()} | {n: total(e, members) for n, e in by_members.items()}
        household |= {"households": pl.len().cast(pl.Int64), "people": members.sum(), "gap": c("gap").sum(), "net_income": c("net_income").sum(),
                      "still_people": total(c("still_below"), members)}
        if self.three:
            person |= {f"u_{n}": e.null_count().cast(pl.Int64) for n, e in (persons | amounts).items()}
            person["u_aid_poor"] = (poor.is_null() | (poor & c("person_aid").is_null())).sum().cast(pl.Int64)
            household |= {f"u_{n}": e.null_count().cast(pl.Int64) for n, e in
                          (households | {"gap": c("gap"), "net_income": c("net_income"), "still_people": c("still_below")}).items()}
            household |= {f"u_{n}": total(e.is_null(), members) for n, e in by_members.items()}
        names = SUMS + [f"u_{n}" for n in SUMS if f"u_{n}" in person | household]
        village = self.village.lazy().select("vid", "code")
        village = village.join(h.lazy().group_by("vid").agg(**household), on="vid", how="left")
        village = village.join(p.lazy().group_by("vid").agg(**person), on="vid", how="left").collect().with_columns(pl.col(names).fill_null(0))
        return pl.concat([
            village.group_by(division=c("code") // 10 ** (12 - d)).agg(pl.col(names).sum()).with_columns(digits=pl.lit(d, dtype=pl.Int64))
            for d in (2, 4, 6, 9, 12)])

    def evaluate(self):
        p = self.persons()
        h = self.households(p)
        p = self.benefits(p, h)
        h = self.outcomes(p, h)
        self.p = self.jobs(p, h)
        self.h = self.final(self.p, h)
        self.sums = self.indicators(self.p, self.h)

    def disk(self):
        c = pl.col
        scan = lambda register: pl.scan_parquet(self.folder / register / "*.parquet")
        number = c("household_no").cast(pl.Int64)
        division = pl.read_parquet(self.folder / "division.parquet").filter(c("code").str.len_chars() == 12).sort("code")
        banner = pl.read_parquet(self.folder / "banner_file.parquet").with_columns(pl.col("division", "area_kind").cast(pl.String))
        self.village = division.with_columns(banner=c("code").str.head(6)).join(banner, left_on="banner", right_on="division", how="left").select(
            vid=pl.int_range(pl.len(), dtype=pl.Int32), code=c("code").cast(pl.Int64),
            dibao_line=pl.when(c("code").str.starts_with("1501")).then(460_000).when(c("area_kind") == "pastoral").then(400_000).otherwise(310_050))
        income = scan("income").filter(c("period") == 2015).drop("period").with_columns(number)
        living = scan("living").with_columns(number)
        household = scan("household").with_columns(number, code=c("division").cast(pl.String).cast(pl.Int64)).drop("division").sort("household_no")
        household = household.join(self.village.lazy().select("vid", "code"), on="code", how="left")
        household = household.join(income, on="household_no", how="left").join(living, on="household_no", how="left", maintain_order="left")
        self.household = household.sort("household_no").with_columns(hid=pl.int_range(pl.len(), dtype=pl.Int32)).collect()
        person = scan("person").with_columns(number, pid=c("person_no").cast(pl.Int64)).drop("person_no")
        person = person.join(self.household.lazy().select("household_no", "hid"), on="household_no", how="inner")
        self.person = person.sort("pid").collect().with_columns(pl.col("hid").set_sorted())
        self.three, self.text = arrow_tables.made_with_holes(self.folder), True
        self.evaluate()

    def results(self):
        return arrow_tables.results(self.p.to_arrow(), self.h.to_arrow(), self.sums.to_arrow())


if __name__ == "__main__":
    peer(Polars)
