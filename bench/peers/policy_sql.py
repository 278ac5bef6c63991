"""The benchmark policy as SQL for DuckDB and DataFusion: five statements, each a step between persons and households.

Two forms: without missing values (what one would write by hand), and three-valued. SQL itself follows Kleene in
comparisons, `and`, `or` and `not`; but its aggregates skip nulls and its `case` takes a null condition for a no, so the
three-valued form must say otherwise everywhere.
"""

from load import CODES

LINE = 285_500


class Sql:
    def __init__(self, dialect, three_valued, codes_as_text):
        self.div = "//" if dialect == "duckdb" else "/"
        self.dialect = dialect
        self.three = three_valued
        self.text = codes_as_text

    def code(self, name, *values):
        """A code (or several, for `in`) as it stands in the columns."""
        shown = [f"'{v}'" if self.text else str(CODES[name].index(v)) for v in values]
        return ", ".join(shown)

    def case(self, *arms, otherwise):
        parts = []
        for condition, value in arms:
            if self.three:
                parts.append(f"when ({condition}) is null then null")
            parts.append(f"when {condition} then {value}")
        return f"case {' '.join(parts)} else {otherwise} end"

    def count(self, condition):
        plain = f"count(*) filter (where {condition})"
        return f"case when count(*) = count({condition}) then {plain} end" if self.three else plain

    def sum(self, value):
        plain = f"cast(sum({value}) as bigint)"
        return f"case when count(*) = count({value}) then {plain} end" if self.three else plain

    def any(self, value):
        if self.three:
            return f"case when bool_or({value}) then true when count(*) = count({value}) then false end"
        return f"bool_or({value})"

    def all(self, value):
        if self.three:
            return f"case when not bool_and({value}) then false when count(*) = count({value}) then true end"
        return f"bool_and({value})"

    def round_div(self, n, d):
        """n / d, half away from zero, for d > 0."""
        return f"(case when ({n}) >= 0 then (2 * ({n}) + {d}) {self.div} (2 * {d}) else -(({d} - 2 * ({n})) {self.div} (2 * {d})) end)"

    def percent(self, value):
        """value / 100, half up, for value >= 0."""
        return f"(({value} + 50) {self.div} 100)"

    def greatest(self, a, b):
        return f"case when ({a}) is null then null else greatest({a}, {b}) end" if self.three else f"greatest({a}, {b})"

    def least(self, a, b):
        return f"case when ({a}) is null then null else least({a}, {b}) end" if self.three else f"least({a}, {b})"

    def years(self, birth, year, month, dom):
        """Completed years on a date; on the last of December that is the difference of the years."""
        plain = f"({year} - extract(year from {birth}))"
        if (month, dom) == (12, 31):
            return plain
        later = f"extract(month from {birth}) * 100 + extract(day from {birth}) > {month * 100 + dom}"
        return f"({plain} - case when {later} then 1 else 0 end)"

    def table(self, name, column, values):
        arms = " ".join(f"when {self.code(name, c)} then {v}" for c, v in values.items())
        return f"case {column} {arms} end"

    def persons(self):
        """From their own record."""
        c = self.code
        age = self.years("birth", 2015, 12, 31)
        return f"""
with a as (
  select *, {age} as age, {self.years('birth', 2015, 8, 31)} between 6 and 14 as school_age,
         disability_grade in ({c('disability_grade', '1', '2')}) as severe_disabled
  from person
), b as (
  select *, school_age and schooling = {c('schooling', '00')} and not severe_disabled as dropout,
         age between 16 and 59 and labour in ({c('labour', '01', '02')}) and schooling not in ({c('schooling', '04', '05', '06')}) as able,
         age < 16 or age >= 60 or labour = {c('labour', '04')} as dependent,
         {self.case((f"relation = {c('relation', '01')}", 10), ("age >= 14", 7), otherwise=5)} as adult_units,
         {self.greatest('medical_cost - 300000', '0')} as medical_burden
  from a
)
select pid, hid, disability_grade, schooling, insured, wage, severe_disabled or health = {c('health', '03')} as severe_or_ill,
       age, school_age, severe_disabled, dropout, able, dependent, adult_units, medical_burden, able and months_away >= 6 as migrant
from b"""

    def households(self):
        """Counts, sums, line and class."""
        c = self.code
        net = "net_income"
        return f"""
with m as (
  select hid, count(*) as members, {self.count('able')} as able_members, {self.count('dropout')} as dropouts,
         {self.sum('adult_units')} as units, {self.sum('medical_burden')} as medical_total, {self.all('insured')} as all_insured,
         {self.any('severe_or_ill')} as has_severe, {self.sum('wage')} as wages, {self.all('dependent')} as all_dependent
  from p1 group by hid
), a as (
  select m.*, h.vid, v.dibao_line, h.main_cause, h.grain_kg, h.debt, h.dwelling_area, h.sheep_units, h.has_car, h.water_ok,
         {self.percent('h.sheep_units * 8535')} as herd_income,
         h.dwelling_grade in ({c('dwelling_grade', 'A', 'B')}) as dwelling_safe, h.farming, h.business, h.transfer, h.property, h.production_cost,
         (2015 - extract(year from h.surveyed)) * 12 + (12 - extract(month from h.surveyed)) > 12 as stale_survey
  from m join household h on h.hid = m.hid join village v on v.vid = h.vid
), b as (
  select *, wages + farming + business + transfer + property + herd_income - production_cost as net_income from a
), d as (
  select *, {self.case(('members > 0', self.round_div(net, 'members')), otherwise=0)} as per_head,
         {self.case(('units > 0', self.round_div(f'{net} * 10', 'units')), otherwise=0)} as per_unit,
         {self.case(('members > 0', f'{net} < {LINE} * members'), otherwise='false')} as below_line,
         {net} < dibao_line * members as below_dibao,
         {self.case(('members > 0', 'dwelling_area < 130 * members'), otherwise='false')} as crowded,
         dropouts = 0 and all_insured and dwelling_safe and water_ok as guarantees_ok,
         has_car and not has_severe or sheep_units > 40000 as wealthy
  from b
), e as (
  select *, {self.case(('below_line', f'{LINE} * members - {net}'), otherwise=0)} as gap,
         (below_line or per_head * 10 < {LINE} * 15 and not guarantees_ok) and not wealthy as identified_poor,
         members between 1 and 2 and able_members = 0 and below_dibao and all_dependent as five_guarantee
  from d
), f as (
  select *, {self.case(('five_guarantee and not wealthy', 3), ('identified_poor and below_dibao', 2), ('identified_poor', 1), otherwise=0)} as household_class
  from e
)
select hid, vid, members, able_members, dropouts, units, medical_total, all_insured, has_severe, herd_income, net_income, per_head,
       per_unit, below_line, gap, below_dibao, crowded, dwelling_safe, guarantees_ok, wealthy, identified_poor, five_guarantee,
       household_class, main_cause, grain_kg, debt, stale_survey,
       {self.case(('members > 0 and household_class in (2, 3) and below_dibao', self.round_div(f'dibao_line * members - {net}', 'members')), otherwise=0)} as dibao_gap
from f"""

    def benefits(self):
        """What each person receives."""
        nursing = self.table("disability_grade", "disability_grade", {"0": 0, "1": 120_000, "2": 96_000, "3": 0, "4": 0})
        grant = self.table("schooling", "schooling", {"00": 0, "01": 50_000, "02": 100_000, "03": 125_000, "04": 200_000,
                                                     "05": 200_000, "06": 1_000_000})
        living = self.case(("age < 16 or age >= 60 or severe_disabled", f"dibao_gap + {self.percent('dibao_gap * 15')}"), otherwise="dibao_gap")
        relief = self.case(("identified_poor", self.least(self.percent("medical_burden * 65"), "2000000")), otherwise=0)
        return f"""
with a as (
  select p1.*, h1.vid, h1.identified_poor, {living} as living_allowance,
         {self.case(('severe_disabled and household_class <> 3', nursing), otherwise=0)} as nursing_subsidy,
         {self.case(('identified_poor', grant), otherwise=0)} as education_grant, {relief} as medical_relief,
         {self.case(('age >= 80', '120000'), ('age >= 70 and identified_poor', '60000'), otherwise=0)} as old_age_supplement,
         able and not migrant and age <= 45 and identified_poor as trainable
  from p1 join h1 on h1.hid = p1.hid
)
select pid, hid, vid, identified_poor, insured, age, school_age, severe_disabled, dropout, able, dependent, adult_units, medical_burden,
       migrant, living_allowance, nursing_subsidy, education_grant, medical_relief, old_age_supplement,
       living_allowance + nursing_subsidy + education_grant + medical_relief + old_age_supplement as person_aid, trainable
from a"""

    def outcomes(self):
        """What the aid leaves open."""
        c = self.code
        one = lambda condition, points: self.case((condition, points), otherwise=0)
        return f"""
with m as (
  select hid, {self.sum('person_aid')} as aid, {self.any('trainable')} as any_trainable from p2 group by hid
), a as (
  select h1.*, m.aid, m.any_trainable, h1.net_income + m.aid as income_after from h1 join m on m.hid = h1.hid
), b as (
  select *, {self.case(('members > 0', f'income_after < {LINE} * members'), otherwise='false')} as still_below from a
), d as (
  select *, {one('still_below', 3)} + {one('medical_total * 2 > income_after', 2)} + {one('crowded or not dwelling_safe', 1)}
         + {one('debt > income_after', 1)} + {one('able_members = 0', 1)} as risk_score
  from b
), e as (
  select *, risk_score >= 3 or still_below and has_severe as at_risk from d
)
select *, {self.case(('household_class = 3', 5), ('any_trainable', 1),
                     (f"not dwelling_safe and main_cause in ({c('main_cause', '06', '07')})", 2), ('grain_kg < members * 150', 3),
                     (f"dropouts > 0 or main_cause = {c('main_cause', '04')}", 4), ('at_risk', 5), otherwise=0)} as measure
from e"""

    def jobs(self):
        """Public jobs."""
        pay = self.case(("has_severe", 270_000), otherwise=540_000)
        return f"""
with a as (
  select p2.*, h2.has_severe, able and not migrant and age >= 40 and h2.at_risk as public_job from p2 join h2 on h2.hid = p2.hid
)
select a.* , {self.case(('public_job', pay), otherwise=0)} as public_job_amount from a"""

    def final(self):
        """Whether the household is secured after that."""
        return f"""
with m as (select hid, {self.sum('public_job_amount')} as job_income from p3 group by hid)
select h2.*, m.job_income,
       guarantees_ok and {self.case(('members > 0', f'income_after + job_income >= {LINE} * members'), otherwise='false')} as secured
from h2 join m on m.hid = h2.hid"""

    def village_sums(self):
        """One row for every village: the sums of the indicators and, three-valued, the rows that could not be counted."""
        persons = {"insured": "insured", "dropout": "dropout", "school_age": "school_age", "able_poor": "able and identified_poor"}
        amounts = {"aid": "person_aid", "job_pay": "public_job_amount"}
        households = {"poor_households": "identified_poor", "unsafe": "not dwelling_safe", "at_risk": "at_risk", "secured": "secured"}
        by_members = {"poor_people": "identified_poor", "below_people": "below_line", "guaranteed": "household_class in (2, 3)"}
        person = ["vid"] + [f"count(*) filter (where {e}) as {n}" for n, e in persons.items()]
        person += [f"sum({e}) as {n}" for n, e in amounts.items()]
        person += ["sum(person_aid) filter (where identified_poor) as aid_poor"]
        household = ["vid", "count(*) as households", "sum(members) as people", "sum(gap) as gap", "sum(net_income) as net_income"]
        household += [f"count(*) filter (where {e}) as {n}" for n, e in households.items()]
        household += [f"sum(members) filter (where {e}) as {n}" for n, e in by_members.items()]
        household += ["sum(members) filter (where still_below) as still_people"]
        if self.three:
            person += [f"count(*) - count({e}) as u_{n}" for n, e in (persons | amounts).items()]
            person += ["count(*) filter (where identified_poor is null or identified_poor and person_aid is null) as u_aid_poor"]
            household += [f"count(*) - count({e}) as u_{n}" for n, e in (households | {"gap": "gap", "net_income": "net_income"}).items()]
            household += [f"sum(members) filter (where ({e}) is null) as u_{n}" for n, e in by_members.items()]
            household += ["count(*) - count(still_below) as u_still_people", "0 as u_people", "0 as u_households"]
        from result import SUMS
        names = SUMS + ([f"u_{n}" for n in SUMS] if self.three else [])
        out = ", ".join(f"cast(coalesce({n}, 0) as bigint) as {n}" for n in names)
        return f"""
select v.code, {out}
from village v left join (select {', '.join(household)} from h3 group by vid) h on h.vid = v.vid
left join (select {', '.join(person)} from p3 group by vid) p on p.vid = v.vid"""

    def all_levels(self):
        """Every level from the village sums, by prefix of the code."""
        from result import SUMS
        names = SUMS + ([f"u_{n}" for n in SUMS] if self.three else [])
        sums = ", ".join(f"cast(sum({n}) as bigint) as {n}" for n in names)
        parts = [f"select {digits} as digits, code {self.div} {10 ** (12 - digits)} as division, {sums} from village_sums group by 2"
                 for digits in (2, 4, 6, 9, 12)]
        return " union all ".join(parts)

    def steps(self):
        return [("p1", self.persons()), ("h1", self.households()), ("p2", self.benefits()), ("h2", self.outcomes()),
                ("p3", self.jobs()), ("h3", self.final()), ("village_sums", self.village_sums()), ("indicators", self.all_levels())]
