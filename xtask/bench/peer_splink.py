"""A peer at linkage: Splink on DuckDB, given the same two files and the same four identifiers.

peer_splink.py DATA OUT.csv: writes EPIKEY,registration: the best registration (practice_code/patient_id) of each admission
that has one with a probability of a half or more.

The settings are what a careful user would choose: blocking on number, on date of birth with postcode, and on what is left when
one of the four is wrong; levels for a slip in number, date or postcode; parameters learnt from the data, without truth.
"""

import sys

import duckdb
import splink.comparison_level_library as level
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI
from splink.comparison_library import CustomComparison

REGISTRATIONS = {
    "row": "row_number() over () as row, practice_code || '/' || patient_id as registration",
    "number": "nhs_number",
    "born": "date_of_birth",
    "postcode": "postcode",
    "gender": "sex",
}
ADMISSIONS = {
    "row": "\"EPIKEY\"::bigint as row",
    "number": "NEWNHSNO",
    "born": "DOB",
    "postcode": "HOMEADD",
    "gender": "SEX",
}

BLOCKING = [
    block_on("number"),
    block_on("born", "postcode"),
    block_on("born", "district", "gender"),
    block_on("postcode", "gender", "substr(born, 1, 7)"),
    block_on("postcode", "gender", "substr(born, 6, 5)"),
]


def load(connection, table, file, columns):
    """A numbered table of the four identifiers; what stands for "not known" is missing."""
    connection.execute(f"""
        create table {table} as
        select {columns["row"]},
            {columns["number"]} as number,
            try_cast({columns["born"]} as date)::varchar as born,
            case when {columns["postcode"]} not like 'ZZ99%' then {columns["postcode"]} end as postcode,
            split_part(postcode, ' ', 1) as district,
            case when {columns["gender"]} in ('1', '2') then {columns["gender"]} end as gender
        from read_csv('{file}', all_varchar = true)""")


def comparison(name, *between):
    """Missing, exact, the levels given, anything else."""
    levels = [level.NullLevel(name), level.ExactMatchLevel(name), *between, level.ElseLevel()]
    return CustomComparison(output_column_name=name, comparison_levels=levels)


def settings():
    return SettingsCreator(
        link_type="link_only",
        unique_id_column_name="row",
        blocking_rules_to_generate_predictions=BLOCKING,
        comparisons=[
            comparison("number", level.DamerauLevenshteinLevel("number", 1)),
            comparison("born", level.LevenshteinLevel("born", 1), level.LevenshteinLevel("born", 2)),
            comparison(
                "postcode",
                level.LevenshteinLevel("postcode", 1),
                level.CustomLevel("district_l = district_r", label_for_charts="the same district"),
            ),
            comparison("gender"),
        ],
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=False,
    )


def learn(training):
    training.estimate_probability_two_random_records_match([block_on("number", "born")], recall=0.95)
    training.estimate_u_using_random_sampling(max_pairs=2_000_000)
    for rule in (block_on("number"), block_on("born", "postcode")):
        training.estimate_parameters_using_expectation_maximisation(rule)


def main():
    data, out = sys.argv[1:3]
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    load(connection, "registrations", f"{data}/gp/patients.csv", REGISTRATIONS)
    load(connection, "admissions", f"{data}/hospital/apc.csv", ADMISSIONS)
    database = DuckDBAPI(connection=connection)
    # Splink puts the table whose name comes first in the alphabet on the left.
    sides = [database.register(table, dataset_display_name=table) for table in ("admissions", "registrations")]
    linker = Linker(sides, settings(), log_level="ERROR")
    learn(linker.training)
    pairs = linker.inference.predict(threshold_match_probability=0.5).physical_name
    connection.execute(f"""
        copy (
            with best as (
                select row_l, row_r from {pairs}
                qualify row_number() over (partition by row_l order by match_weight desc, row_r) = 1
            )
            select row_l as "EPIKEY", registration from best join registrations on row = row_r
        ) to '{out}' (header)""")
    sides = connection.execute(f"select distinct source_dataset_l, source_dataset_r from {pairs}").fetchall()
    assert sides == [("admissions", "registrations")], sides


main()
