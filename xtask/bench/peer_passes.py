"""A peer at linkage: deterministic passes of the kind that made the hospital index (HESID), as plain SQL in DuckDB.

peer_passes.py DATA OUT.csv: writes EPIKEY,registration (practice_code/patient_id) for each admission that a pass links.

Pass 1: NHS Number, gender, and two of the three parts of the date of birth. Pass 2, for what is left: date of birth, gender and
postcode, where the numbers do not contradict each other and only one registration fits. (The pass between them, on a hospital's
own patient id, has nothing to look up in a practice's list.)
"""

import sys

import duckdb

READ = """
create table registrations as
select practice_code || '/' || patient_id as registration, nullif(nhs_number, '') as number,
    nullif(date_of_birth, '') as born, nullif(postcode, '') as postcode, sex as gender
from read_csv('{data}/gp/patients.csv', all_varchar = true);
create table admissions as
select "EPIKEY", nullif("NEWNHSNO", '') as number, nullif("DOB", '') as born, nullif("HOMEADD", '') as postcode,
    "SEX" as gender
from read_csv('{data}/hospital/apc.csv', all_varchar = true);
"""

PASS_1 = """
create table first as
select "EPIKEY", min(registration) as registration
from admissions a join registrations r using (number)
where a.gender = r.gender and a.gender in ('1', '2')
    and (a.born[1:4] = r.born[1:4])::int + (a.born[6:7] = r.born[6:7])::int + (a.born[9:10] = r.born[9:10])::int >= 2
group by 1;
"""

PASS_2 = """
create table second as
select "EPIKEY", min(registration) as registration
from admissions a anti join first using ("EPIKEY") join registrations r using (born, postcode, gender)
where gender in ('1', '2') and postcode not like 'ZZ99%'
    and (a.number is null or r.number is null or a.number = r.number)
group by 1 having count(distinct registration) = 1;
"""


def main():
    data, out = sys.argv[1:3]
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    for statement in (READ.format(data=data), PASS_1, PASS_2):
        connection.execute(statement)
    connection.execute(f"copy (from first union all from second) to '{out}' (header)")


main()
