"""OpenFisca: a small country with persons and households; formulas on whole arrays, amounts as integers in fen.

OpenFisca keeps whole numbers in 32 bits, so that amounts stay below 21 million yuan and products are made in 64 bits.
It has no missing value: it runs where everything is known."""

import datetime

import numpy as np
from openfisca_core.entities import build_entity
from openfisca_core.parameters import ParameterNode
from openfisca_core.periods import DateUnit
from openfisca_core.simulation_builder import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

from load import HOUSEHOLD as HOUSEHOLD_IN, INCOME, LIVING, PERSON as PERSON_IN, Snapshot
from result import HOUSEHOLD, PERSON, SUMS, peer, roll_up

Household = build_entity("household", "households", "Household", roles=[{"key": "member", "plural": "members", "label": "Member"}])
Person = build_entity("person", "persons", "Person", is_person=True)
BOOLEAN_INPUTS = {"insured", "water_ok", "has_car"}
DATE_INPUTS = {"birth", "surveyed"}
PERIOD = "2015"
VARIABLES = []


def of(entity, kind):
    """A variable with this formula."""
    def add(formula):
        VARIABLES.append(type(formula.__name__, (Variable,), {
            "value_type": kind, "entity": entity, "definition_period": DateUnit.YEAR, "label": formula.__name__, "formula": formula}))
        return formula
    return add


def round_div(n, d):
    """Half away from zero, for d > 0."""
    return np.sign(n) * ((2 * np.abs(n) + d) // (2 * d))


def wide(values):
    return values.astype(np.int64)


def percent(values):
    return (values + 50) // 100


@of(Person, int)
def age(person, period, parameters):
    return 2015 - (person("birth", period).astype("datetime64[Y]").astype(np.int32) + 1970)


@of(Person, bool)
def school_age(person, period, parameters):
    birth = person("birth", period)
    year = birth.astype("datetime64[Y]")
    august = (year.astype("datetime64[M]") + 8).astype("datetime64[D]")
    years = 2015 - (year.astype(np.int32) + 1970) - (birth >= august)
    return (years >= 6) & (years <= 14)


@of(Person, bool)
def severe_disabled(person, period, parameters):
    grade = person("disability_grade", period)
    return (grade == 1) | (grade == 2)


@of(Person, bool)
def dropout(person, period, parameters):
    return person("school_age", period) & (person("schooling", period) == 0) & ~person("severe_disabled", period)


@of(Person, bool)
def able(person, period, parameters):
    years = person("age", period)
    return (years >= 16) & (years <= 59) & (person("labour", period) <= 1) & (person("schooling", period) < 4)


@of(Person, bool)
def dependent(person, period, parameters):
    years = person("age", period)
    return (years < 16) | (years >= 60) | (person("labour", period) == 3)


@of(Person, int)
def adult_units(person, period, parameters):
    return np.where(person("relation", period) == 0, 10, np.where(person("age", period) >= 14, 7, 5))


@of(Person, int)
def medical_burden(person, period, parameters):
    return np.maximum(person("medical_cost", period) - parameters(period).medical_threshold, 0)


@of(Person, bool)
def migrant(person, period, parameters):
    return person("able", period) & (person("months_away", period) >= 6)


@of(Household, int)
def members(household, period, parameters):
    return household.nb_persons()


@of(Household, int)
def able_members(household, period, parameters):
    return household.sum(household.members("able", period))


@of(Household, int)
def dropouts(household, period, parameters):
    return household.sum(household.members("dropout", period))


@of(Household, int)
def units(household, period, parameters):
    return household.sum(household.members("adult_units", period))


@of(Household, int)
def medical_total(household, period, parameters):
    return household.sum(household.members("medical_burden", period))


@of(Household, bool)
def all_insured(household, period, parameters):
    # `household.all` loops over positions; not any of the opposite is the same and faster.
    return ~household.any(~household.members("insured", period))


@of(Household, bool)
def has_severe(household, period, parameters):
    return household.any(household.members("severe_disabled", period) | (household.members("health", period) == 2))


@of(Household, int)
def herd_income(household, period, parameters):
    return percent(wide(household("sheep_units", period)) * parameters(period).sheep_unit_income)


@of(Household, int)
def net_income(household, period, parameters):
    total = household.sum(household.members("wage", period)).astype(np.int32)
    for name in ("farming", "business", "transfer", "property", "herd_income"):
        total = total + household(name, period)
    return total - household("production_cost", period)


@of(Household, int)
def per_head(household, period, parameters):
    n = household("members", period)
    return np.where(n > 0, round_div(wide(household("net_income", period)), np.maximum(n, 1)), 0)


@of(Household, int)
def per_unit(household, period, parameters):
    n = household("units", period)
    return np.where(n > 0, round_div(wide(household("net_income", period)) * 10, np.maximum(n, 1)), 0)


@of(Household, bool)
def below_line(household, period, parameters):
    n = household("members", period)
    return (n > 0) & (household("net_income", period) < parameters(period).poverty_line * n)


@of(Household, int)
def gap(household, period, parameters):
    return np.where(household("below_line", period),
                    parameters(period).poverty_line * household("members", period) - household("net_income", period), 0)


@of(Household, int)
def dibao_line(household, period, parameters):
    lines = parameters(period).dibao_line
    return np.where(household("league", period) == 1501, lines.league_1501,
                    np.where(household("pastoral", period), lines.pastoral, lines.general))


@of(Household, bool)
def below_dibao(household, period, parameters):
    return household("net_income", period) < household("dibao_line", period) * household("members", period)


@of(Household, bool)
def crowded(household, period, parameters):
    n = household("members", period)
    return (n > 0) & (household("dwelling_area", period) < 130 * n)


@of(Household, bool)
def dwelling_safe(household, period, parameters):
    return household("dwelling_grade", period) <= 1


@of(Household, bool)
def guarantees_ok(household, period, parameters):
    return ((household("dropouts", period) == 0) & household("all_insured", period) & household("dwelling_safe", period)
            & household("water_ok", period))


@of(Household, bool)
def wealthy(household, period, parameters):
    return household("has_car", period) & ~household("has_severe", period) | (household("sheep_units", period) > 40_000)


@of(Household, bool)
def identified_poor(household, period, parameters):
    p = parameters(period)
    near = wide(household("per_head", period)) * 10 < p.poverty_line * p.near_factor10
    return (household("below_line", period) | (near & ~household("guarantees_ok", period))) & ~household("wealthy", period)


@of(Household, bool)
def five_guarantee(household, period, parameters):
    n = household("members", period)
    return ((n >= 1) & (n <= 2) & (household("able_members", period) == 0) & household("below_dibao", period)
            & ~household.any(~household.members("dependent", period)))


@of(Household, int)
def household_class(household, period, parameters):
    poor = household("identified_poor", period)
    return np.where(household("five_guarantee", period) & ~household("wealthy", period), 3,
                    np.where(poor & household("below_dibao", period), 2, np.where(poor, 1, 0)))


@of(Household, int)
def dibao_gap(household, period, parameters):
    n = household("members", period)
    short = wide(household("dibao_line", period)) * n - household("net_income", period)
    topped = (n > 0) & (household("household_class", period) >= 2) & household("below_dibao", period)
    return np.where(topped, round_div(short, np.maximum(n, 1)), 0)


@of(Household, bool)
def stale_survey(household, period, parameters):
    months = household("surveyed", period).astype("datetime64[M]").astype(np.int32)
    return (2015 - 1970) * 12 + 11 - months > 12


@of(Person, int)
def living_allowance(person, period, parameters):
    base = wide(person.household("dibao_gap", period))
    years = person("age", period)
    weak = (years < 16) | (years >= 60) | person("severe_disabled", period)
    return np.where(weak, base + percent(base * parameters(period).uplift100), base)


@of(Person, int)
def nursing_subsidy(person, period, parameters):
    p = parameters(period).nursing_rate
    rate = np.array([p.grade_0, p.grade_1, p.grade_2, p.grade_3, p.grade_4]) * 12
    given = person("severe_disabled", period) & (person.household("household_class", period) != 3)
    return np.where(given, rate[person("disability_grade", period)], 0)


@of(Person, int)
def education_grant(person, period, parameters):
    p = parameters(period).grant_by_stage
    grant = np.array([p.stage_0, p.stage_1, p.stage_2, p.stage_3, p.stage_4, p.stage_5, p.stage_6])
    return np.where(person.household("identified_poor", period), grant[person("schooling", period)], 0)


@of(Person, int)
def medical_relief(person, period, parameters):
    p = parameters(period)
    relief = np.minimum(percent(wide(person("medical_burden", period)) * p.relief_share100), p.relief_cap)
    return np.where(person.household("identified_poor", period), relief, 0)


@of(Person, int)
def old_age_supplement(person, period, parameters):
    rate, years = parameters(period).old_age_rate, person("age", period)
    return np.where(years >= 80, rate * 12, np.where((years >= 70) & person.household("identified_poor", period), rate * 6, 0))


@of(Person, int)
def person_aid(person, period, parameters):
    return (person("living_allowance", period) + person("nursing_subsidy", period) + person("education_grant", period)
            + person("medical_relief", period) + person("old_age_supplement", period))


@of(Person, bool)
def trainable(person, period, parameters):
    return (person("able", period) & ~person("migrant", period) & (person("age", period) <= 45)
            & person.household("identified_poor", period))


@of(Household, int)
def aid(household, period, parameters):
    return household.sum(household.members("person_aid", period))


@of(Household, int)
def income_after(household, period, parameters):
    return household("net_income", period) + household("aid", period)


@of(Household, bool)
def still_below(household, period, parameters):
    n = household("members", period)
    return (n > 0) & (household("income_after", period) < parameters(period).poverty_line * n)


@of(Household, int)
def risk_score(household, period, parameters):
    after = household("income_after", period)
    return (3 * household("still_below", period) + 2 * (wide(household("medical_total", period)) * 2 > after)
            + (household("crowded", period) | ~household("dwelling_safe", period)) + (household("debt", period) > after)
            + (household("able_members", period) == 0))


@of(Household, bool)
def at_risk(household, period, parameters):
    return (household("risk_score", period) >= 3) | (household("still_below", period) & household("has_severe", period))


@of(Household, int)
def measure(household, period, parameters):
    cause = household("main_cause", period)
    trained = household.any(household.members("trainable", period))
    moved = ~household("dwelling_safe", period) & ((cause == 5) | (cause == 6))
    taught = (household("dropouts", period) > 0) | (cause == 3)
    return np.select([household("household_class", period) == 3, trained, moved,
                      household("grain_kg", period) < household("members", period) * 150, taught, household("at_risk", period)],
                     [5, 1, 2, 3, 4, 5], 0)


@of(Person, bool)
def public_job(person, period, parameters):
    return (person("able", period) & ~person("migrant", period) & (person("age", period) >= 40)
            & person.household("at_risk", period))


@of(Person, int)
def public_job_amount(person, period, parameters):
    pay = parameters(period).job_pay
    return np.where(person("public_job", period), np.where(person.household("has_severe", period), pay * 6, pay * 12), 0)


@of(Household, int)
def job_income(household, period, parameters):
    return household.sum(household.members("public_job_amount", period))


@of(Household, bool)
def secured(household, period, parameters):
    n = household("members", period)
    enough = (n > 0) & (household("income_after", period) + household("job_income", period) >= parameters(period).poverty_line * n)
    return household("guarantees_ok", period) & enough


def parameter(**values):
    at = lambda v: {"values": {"2014-01-01": {"value": v}}}
    return {n: parameter(**v) if isinstance(v, dict) else at(v) for n, v in values.items()}


PARAMETERS = parameter(
    near_factor10=15, uplift100=15, sheep_unit_income=8_535, medical_threshold=300_000, relief_share100=65, relief_cap=2_000_000,
    old_age_rate=10_000, job_pay=45_000, dibao_line={"general": 310_050, "pastoral": 400_000, "league_1501": 460_000},
    nursing_rate={"grade_0": 0, "grade_1": 10_000, "grade_2": 8_000, "grade_3": 0, "grade_4": 0},
    grant_by_stage={"stage_0": 0, "stage_1": 50_000, "stage_2": 100_000, "stage_3": 125_000, "stage_4": 200_000,
                    "stage_5": 200_000, "stage_6": 1_000_000},
)
PARAMETERS["poverty_line"] = {"values": {"2011-01-01": {"value": 253_600}, "2014-01-01": {"value": 280_000},
                                         "2015-01-01": {"value": 285_500}, "2016-01-01": {"value": 295_200}}}


class Country(TaxBenefitSystem):
    def __init__(self):
        super().__init__([Person, Household])
        inputs = [(Person, n) for n in PERSON_IN] + [(Household, n) for n in [*(HOUSEHOLD_IN | INCOME | LIVING), "league", "pastoral"]]
        for entity, name in inputs:
            kind = datetime.date if name in DATE_INPUTS else bool if name in BOOLEAN_INPUTS | {"pastoral"} else int
            self.add_variable(type(name, (Variable,), {"value_type": kind, "entity": entity, "definition_period": DateUnit.YEAR, "label": name}))
        for variable in VARIABLES:
            self.add_variable(variable)
        self.parameters = ParameterNode("", data=PARAMETERS)


class OpenFisca:
    def __init__(self, snapshot, threads):
        self.folder = snapshot

    def load(self):
        s = self.snapshot = Snapshot(self.folder)
        if not s.complete:
            raise SystemExit("OpenFisca has no missing value: run it on a complete snapshot")
        country = Country()
        builder = SimulationBuilder()
        builder.create_entities(country)
        builder.declare_person_entity("person", np.arange(s.people))
        instance = builder.declare_entity("household", np.arange(s.households))
        of_household = s.household_of().astype(np.int64)
        # Joining by the builder costs a search per person; the numbers are already known.
        instance.members_entity_id = of_household
        self.simulation = builder.build(country)
        village = s.village_of()
        league = (s.villages // 10**8)[village]
        inputs = {n: v for n, (v, _) in (s.person | s.household).items()} | {"league": league, "pastoral": s.pastoral[village] == 1}
        for name, values in inputs.items():
            kind = "datetime64[D]" if name in DATE_INPUTS else bool if name in BOOLEAN_INPUTS | {"pastoral"} else np.int32
            self.simulation.set_input(name, PERIOD, values.astype(kind))
        self.village, self.person_village = village, village[of_household]

    def evaluate(self):
        simulation = self.simulation
        for variable in VARIABLES:
            simulation.delete_arrays(variable.__name__)
        value = {n: simulation.calculate(n, PERIOD) for n in PERSON + HOUSEHOLD}
        self.value = value
        n, villages = len(self.snapshot.villages), self.village
        by_household = lambda e: np.bincount(villages, weights=e, minlength=n).astype(np.int64)
        by_person = lambda e: np.bincount(self.person_village, weights=e, minlength=n).astype(np.int64)
        poor, some = value["identified_poor"], value["members"]
        sums = {
            "people": by_household(some), "poor_households": by_household(poor), "poor_people": by_household(some * poor),
            "below_people": by_household(some * value["below_line"]), "gap": by_household(value["gap"]),
            "net_income": by_household(value["net_income"]), "insured": by_person(simulation.calculate("insured", PERIOD)),
            "dropout": by_household(value["dropouts"]), "school_age": by_person(value["school_age"]),
            "unsafe": by_household(~value["dwelling_safe"]), "households": np.bincount(villages, minlength=n),
            "able_poor": by_household(value["able_members"] * poor), "guaranteed": by_household(some * (value["household_class"] >= 2)),
            "aid": by_household(value["aid"]), "aid_poor": by_household(value["aid"] * poor),
            "still_people": by_household(some * value["still_below"]), "at_risk": by_household(value["at_risk"]),
            "job_pay": by_household(value["job_income"]), "secured": by_household(value["secured"]),
        }
        columns = [sums[k] for k in SUMS] + [np.zeros(n, np.int64)] * len(SUMS)
        self.levels = roll_up(self.snapshot.villages, np.stack(columns, axis=1))

    def disk(self):
        self.load()
        self.evaluate()

    def results(self):
        wide_columns = {n: v.astype(np.int64) for n, v in self.value.items()}
        return {n: wide_columns[n] for n in PERSON}, {n: wide_columns[n] for n in HOUSEHOLD}, self.levels


if __name__ == "__main__":
    peer(OpenFisca)
