"""The floor of every comparison: DuckDB turning CSV files into Parquet and doing nothing else.

convert.py OUT FILE...: writes OUT/<folder>-<name>.parquet for each file, with DuckDB's own settings throughout.
"""

import pathlib
import sys

import duckdb


def main():
    out, files = pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]
    out.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    for file in files:
        target = out / f"{file.parent.name}-{file.stem}.parquet"
        connection.execute(f"copy (from '{file}') to '{target}'")


main()
