"""DataFusion: the same SQL, every step a table in memory."""

import pathlib

import pyarrow as pa
from datafusion import SessionConfig, SessionContext

import arrow_tables
from policy_sql import Sql
from result import peer

VIEWS = [
    """create view village as
       select cast(d.code as bigint) as vid, cast(d.code as bigint) as code,
              case when d.code like '1501%' then 460000 when b.area_kind = 'pastoral' then 400000 else 310050 end as dibao_line
       from division_file d join banner_file b on b.division = substr(d.code, 1, 6) where length(d.code) = 12""",
    """create view person as select cast(person_no as bigint) as pid, cast(household_no as bigint) as hid, birth, relation, labour,
       schooling, health, disability_grade, insured, months_away, wage, medical_cost from person_file""",
    """create view household as
       select cast(h.household_no as bigint) as hid, cast(h.division as bigint) as vid, h.dwelling_grade, h.dwelling_area, h.water_ok,
              h.main_cause, h.surveyed, i.farming, i.business, i.transfer, i.property, i.production_cost,
              l.debt, l.has_car, l.sheep_units, l.grain_kg
       from household_file h left join (select * from income_file where period = 2015) i on i.household_no = h.household_no
       left join living_file l on l.household_no = h.household_no""",
]


class Fusion:
    def __init__(self, snapshot, threads):
        self.folder, self.threads = pathlib.Path(snapshot), threads

    def connect(self):
        self.db = SessionContext(SessionConfig().with_target_partitions(self.threads))
        self.made = []

    def load(self):
        self.connect()
        person, household, village, complete = arrow_tables.tables(self.folder)
        for name, table in (("person", person), ("household", household), ("village", village)):
            batches = table.combine_chunks().to_batches(max_chunksize=8192)
            parts = [batches[k::self.threads] for k in range(self.threads)]
            self.db.register_record_batches(name, [p for p in parts if p])
        self.sql = Sql("datafusion", not complete, codes_as_text=False)

    def evaluate(self):
        for name in self.made:
            self.db.deregister_table(name)
        self.made = []
        for name, text in self.sql.steps():
            self.db.sql(f"create table {name} as {text}").collect()
            self.made.append(name)

    def disk(self):
        self.connect()
        for register in ("household", "person", "income", "living"):
            self.db.register_parquet(f"{register}_file", str(self.folder / register))
        self.db.register_parquet("division_file", str(self.folder / "division.parquet"))
        self.db.register_parquet("banner_file", str(self.folder / "banner_file.parquet"))
        for view in VIEWS:
            self.db.sql(view).collect()
        self.sql = Sql("datafusion", arrow_tables.made_with_holes(self.folder), codes_as_text=True)
        self.evaluate()

    def results(self):
        fetch = lambda table, order: pa.Table.from_batches(self.db.sql(f"select * from {table} order by {order}").collect())
        return arrow_tables.results(fetch("p3", "pid"), fetch("h3", "hid"), fetch("indicators", "digits"))


if __name__ == "__main__":
    peer(Fusion)
