"""A fingerprint of a home's linked record: for each table its rows and a hash of them, sorted.

rows.py HOME: reads `HOME/records/*` through `deltalake`, so what counts is what any reader would see. Containers (files,
versions, row order) do not count.
"""

import hashlib
import pathlib
import sys

import duckdb
from deltalake import DeltaTable


def main():
    records = pathlib.Path(sys.argv[1]) / "records"
    connection = duckdb.connect()
    for folder in sorted(path for path in records.iterdir() if (path / "_delta_log").is_dir()):
        rows = DeltaTable(str(folder)).to_pyarrow_table()
        columns = ", ".join(f'"{name}"' for name in sorted(rows.column_names))
        connection.register("rows", rows)
        answer = connection.execute(f"select {columns} from rows order by all")
        digest, number = hashlib.sha256(columns.encode()), 0
        while batch := answer.fetchmany(10_000):
            number += len(batch)
            digest.update(repr(batch).encode())
        connection.unregister("rows")
        print(folder.name, number, digest.hexdigest())


main()
