"""Scores links against a synthetic population's truth.

score.py DATA LINKS.csv: DATA is what `caredata synth` wrote, LINKS.csv what `caredata link` made of its `gp/patients.csv` and
`hospital/apc.csv`, or a peer's EPIKEY,registration. Prints one line a group, the whole first: group, records, missed %, false %,
with Wilson's 95% interval of the missed; then the most missed group over the least; then people registered twice and how
many of them were joined, which peers do not tell.

The ratio of groups is of those with at least a hundredth of the records, with Katz's 95% interval of a ratio of two shares (Katz
and others, Biometrics 1978). Which two groups are compared is chosen by the outcome, so that the ratio is above 1 by chance alone.

Missed: admissions of registered people without a link to a registration of that person, of all admissions of registered people.
False: admissions linked to a registration of anybody else, of all admissions linked to a registration.
A `review` row links nothing.
"""

import csv
import math
import pathlib
import sys
from collections import defaultdict


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def wilson(part, whole, z=1.959964):
    if whole == 0:
        return 0.0, 1.0
    p, scale = part / whole, 1 + z * z / whole
    middle = (p + z * z / (2 * whole)) / scale
    half = z * math.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def over(worst, best, z=1.959964):
    """The missed share of one tally over another's, and its interval; nothing where nobody was missed in either."""
    if worst.missed == 0 or best.missed == 0:
        return "-\t-"
    ratio = worst.missed / worst.registered / (best.missed / best.registered)
    half = z * math.sqrt(1 / worst.missed - 1 / worst.registered + 1 / best.missed - 1 / best.registered)
    return f"{ratio:.2f}\t{ratio * math.exp(-half):.2f}-{ratio * math.exp(half):.2f}"


class Tally:
    def __init__(self):
        self.records = self.registered = self.missed = self.linked = self.false = 0

    def count(self, registered, people, truly):
        """One admission: whether its person is registered, whose registrations it was linked to, and whose it is."""
        self.records += 1
        self.registered += registered
        self.missed += registered and truly not in people
        self.linked += bool(people)
        self.false += any(person != truly for person in people)

    def missed_share(self):
        return self.missed / max(1, self.registered)

    def line(self, name):
        low, high = wilson(self.missed, self.registered)
        false = 100 * self.false / max(1, self.linked)
        return f"{name}\t{self.records}\t{100 * self.missed_share():.3f}\t{100 * low:.3f}-{100 * high:.3f}\t{false:.4f}"


def main():
    data, links = pathlib.Path(sys.argv[1]), sys.argv[2]
    registration = {f"{row['practice_code']}/{row['patient_id']}": row["person"] for row in rows(data / "truth/gp.csv")}
    owners = defaultdict(set)  # linked person -> the people registered under it
    persons_of = defaultdict(set)  # person in truth -> linked persons of the registrations
    registrations_of = defaultdict(int)
    for person in registration.values():
        registrations_of[person] += 1
    admission_link = {}
    of_a_peer = False
    for row in rows(links):
        if "registration" in row:
            of_a_peer = True
            owners[row["registration"]] = {registration[row["registration"]]}
            admission_link[row["EPIKEY"]] = row["registration"]
            continue
        if row["status"] == "review":
            continue
        if row["source"] == "gp":
            person = registration[row["record_id"]]
            owners[row["person_id"]].add(person)
            persons_of[person].add(row["person_id"])
        elif row["source"] == "apc":
            admission_link[row["record_id"]] = row["person_id"]

    whole, groups = Tally(), defaultdict(Tally)
    for row in rows(data / "truth/hospital.csv"):
        people = owners.get(admission_link.get(row["EPIKEY"]), ())
        registered = row["person"] in registrations_of
        for tally in (whole, groups[row["group"]]):
            tally.count(registered, people, row["person"])

    print("group\trecords\tmissed %\t95% interval\tfalse %")
    print(whole.line("all"))
    for name in sorted(groups):
        print(groups[name].line(name))
    large = {name: tally for name, tally in groups.items() if tally.records * 100 >= whole.records and tally.registered}
    by_share = sorted(large, key=lambda name: (large[name].missed_share(), name))
    worst, best = by_share[-1], by_share[0]
    print(f"worst over best\t{over(large[worst], large[best])}\t{worst}\t{best}")
    twice = [person for person, times in registrations_of.items() if times > 1]
    joined = "-" if of_a_peer else sum(len(persons_of[person]) == 1 for person in twice)
    print(f"people at two practices\t{len(twice)}\tjoined\t{joined}")


main()
