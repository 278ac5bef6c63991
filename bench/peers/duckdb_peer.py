"""DuckDB: the policy in SQL, every step a temporary table but the first, which is faster as a view that is read twice."""

import duckdb

import arrow_tables
from policy_sql import Sql
from result import peer

VIEWS = """
create view village as
  select cast(d.code as bigint) as vid, cast(d.code as bigint) as code,
         case when d.code like '1501%' then 460000 when b.area_kind = 'pastoral' then 400000 else 310050 end as dibao_line
  from '{0}/division.parquet' d join '{0}/banner_file.parquet' b on b.division = d.code[:6] where length(d.code) = 12;
create view person as select cast(person_no as bigint) as pid, cast(household_no as bigint) as hid, * exclude (person_no, household_no)
  from '{0}/person/*.parquet';
create view household as
  select cast(h.household_no as bigint) as hid, cast(h.division as bigint) as vid, h.* exclude (household_no, division),
         i.* exclude (household_no, period), l.* exclude (household_no)
  from '{0}/household/*.parquet' h left join (select * from '{0}/income/*.parquet' where period = 2015) i using (household_no)
  left join '{0}/living/*.parquet' l using (household_no);
"""


class Duck:
    def __init__(self, snapshot, threads):
        self.folder, self.threads = snapshot, threads

    def connect(self):
        self.db = duckdb.connect(":memory:", config={"threads": self.threads, "preserve_insertion_order": False})

    def load(self):
        self.connect()
        person, household, village, complete = arrow_tables.tables(self.folder)
        for name, table in (("person", person), ("household", household), ("village", village)):
            self.db.register("incoming", table)
            self.db.execute(f"create table {name} as select * from incoming")
            self.db.unregister("incoming")
        self.sql = Sql("duckdb", not complete, codes_as_text=False)

    def evaluate(self):
        for name, text in self.sql.steps():
            kind = "view" if name == "p1" else "table"
            self.db.execute(f"create or replace temp {kind} {name} as {text}")

    def disk(self):
        self.connect()
        self.db.execute(VIEWS.format(self.folder))
        self.sql = Sql("duckdb", arrow_tables.made_with_holes(self.folder), codes_as_text=True)
        self.evaluate()

    def results(self):
        fetch = lambda table, order: self.db.sql(f"select * from {table} order by {order}").to_arrow_table()
        return arrow_tables.results(fetch("p3", "pid"), fetch("h3", "hid"), fetch("indicators", "digits"))


if __name__ == "__main__":
    peer(Duck)
