"""Months one by one beside one run over all of them.

months.py combine DATA: of the months that `caredata synth --months` wrote, each registration as it last was and all admissions,
as one month in `DATA/all`, with its truth.
months.py resolve DATA OUT.csv: who every record is in the end, from each month's `links.csv` and `links.changes.csv`.
months.py compare ONE.csv OTHER.csv: how many admissions are linked to other registrations in the one than in the other.
"""

import csv
import pathlib
import sys
from collections import defaultdict

FILES = ["gp/patients.csv", "hospital/apc.csv", "truth/gp.csv", "truth/hospital.csv"]


def months(data):
    return sorted(path for path in data.iterdir() if (path / "gp").is_dir() and path.name != "all")


def combine(data):
    for name in FILES:
        rows, header = {}, ""
        for month in months(data):
            with open(month / name, encoding="utf-8") as file:
                header = next(file)
                keys = [header.strip().split(",").index(column) for column in key_of(header)]
                for line in file:
                    fields = line.rstrip("\n").split(",")
                    rows[tuple(fields[at] for at in keys)] = line
        out = data / "all" / name
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(header + "".join(rows.values()), encoding="utf-8")


def key_of(header):
    return ["EPIKEY"] if header.startswith("EPIKEY") else ["practice_code", "patient_id"]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def resolve(data, out):
    record, into = {}, {}
    fields = []

    def today(person):
        while person in into:
            person = into[person]
        return person

    for month in months(data):
        for change in rows(month / "links.changes.csv"):
            if change["change"] == "merge":
                into[change["from_person"]] = change["into_person"]
            elif change["source"] != "gp":
                record[change["source"], change["record_id"]]["person_id"] = change["into_person"]
        for row in rows(month / "links.csv"):
            record[row["source"], row["record_id"]], fields = row, list(row)
    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        for row in record.values():
            # Who was in review in one month may be somebody's in the end: then the person says so.
            status = "new" if row["status"] == "review" else row["status"]
            writer.writerow({**row, "person_id": today(row["person_id"]), "status": status})


def registrations(path):
    of_person, person_of = defaultdict(set), {}
    for row in rows(path):
        if row["source"] == "gp":
            of_person[row["person_id"]].add(row["record_id"])
        else:
            person_of[row["record_id"]] = row["person_id"]
    return {record: frozenset(of_person.get(person, ())) for record, person in person_of.items()}


def compare(one, other):
    one, other = registrations(one), registrations(other)
    different = sum(bool(one[record] ^ other[record]) and not one[record] & other[record] for record in one)
    print(f"{different} of {len(one)} admissions are elsewhere ({100 * different / len(one):.3f}%)")


{"combine": lambda data: combine(pathlib.Path(data)),
 "resolve": lambda data, out: resolve(pathlib.Path(data), out),
 "compare": compare}[sys.argv[1]](*sys.argv[2:])
