#!/usr/bin/env python3
"""What a lab costs a month, by list prices: `python3 infra/cost.py` prints the table of docs/CLOUD.md.

Every figure is a line here: change what differs for you and run it again. Free tiers are left out, so a small lab costs
less than this says.
"""

import pathlib

# List prices in US dollars, us-east-1, as published in 2025. Frankfurt is 5 to 20 % dearer.
PRICES = {
    "function, GB second": 0.0000166667,
    "function, request": 0.20e-6,
    "HTTP API, request": 1.00e-6,
    "table, write unit": 0.625e-6,
    "table, read unit": 0.125e-6,
    "table, GB month": 0.25 + 0.20,  # with point-in-time recovery
    "bucket, GB month": 0.023,
    "bucket, write": 5e-6,
    "bucket, read": 0.4e-6,
    "queue, request": 0.40e-6,
    "traffic out, GB": 0.09,
    "log, GB": 0.50,
    "alarm": 0.10,
    "metric": 0.30,
    "worker, spot hour": 0.09,  # c7a.xlarge; 0.205 on demand
    "loop machine, hour": 0.0188,  # t3a.small
    "disk, GB month": 0.08,
    "public address, hour": 0.005,
}

HOURS = 730
INFRA = pathlib.Path(__file__).resolve().parent
ALARMS = 1 + sum(  # the one that the target makes itself
    (INFRA / file).read_text().count("Type: AWS::CloudWatch::Alarm") for file in ("../template.yaml", "workers.yaml")
)
METRICS = 3 * 4 + 2 * 3 + 4 + 5  # functions that answer, that are invoked with events; rebuilds; the lab

# What one experiment takes: two clips of 1080p, four quality indices, 10 s each, on four processors.
EXPERIMENT = {
    "worker hours": 0.25,
    "API requests": 75,  # claim, heartbeats every 15 s, phases, uploads, result
    "function seconds": 75 * 0.05,
    # A unit is a KB, and transactions count twice: submit 25, claim 25, six phases of 12, 60 heartbeats of 2, the end with
    # lists and a record of 80 KB 200.
    "write units": 440,
    "read units": 350,
    "table GB": 150e-6,  # head, list items, record without series
    "bucket GB": 0.04,  # eight streams, modules, source, record; clips and anchors are shared
    "bucket writes": 20,
    "bucket reads": 60,
}

# A machine that is started works at so many experiments, beside which it is set up, waits for more, and is ended.
START = {"experiments": 10, "set-up hours": 5 / 60, "idle hours": 15 / 60}

# What a preview takes, and how many of an experiment's are looked at again after they expired.
REBUILD = {"function seconds": 20, "GB": 3, "a experiment": 0.5}

VISIT = {"requests": 12, "function seconds": 12 * 0.02, "read units": 60, "traffic GB": 0.004}
MEMORY_GB = 0.5


def month(new, kept, visits):
    """Dollars by part: `new` experiments a month, `kept` in all, `visits` to the site."""
    p = PRICES
    starts = new / START["experiments"]
    idle_hours = starts * START["idle hours"]
    worker_hours = new * EXPERIMENT["worker hours"] + starts * START["set-up hours"] + idle_hours
    requests = new * EXPERIMENT["API requests"] + visits * VISIT["requests"]
    # Who waits for work holds a function open.
    seconds = new * EXPERIMENT["function seconds"] + visits * VISIT["function seconds"] + idle_hours * 3600
    rebuilds = new * REBUILD["a experiment"]
    minutes = HOURS * 60  # housekeeping: about 0.1 s and 6 reads each
    gb_seconds = (seconds + minutes * 0.1) * MEMORY_GB + rebuilds * REBUILD["function seconds"] * REBUILD["GB"]
    polls = 2 * 5 * HOURS * 3600 / 20  # two queues, five pollers, each waiting 20 s
    return {
        "workers (spot)": worker_hours * (p["worker, spot hour"] + p["public address, hour"])
        + worker_hours / HOURS * 60 * p["disk, GB month"],
        "loop machine": HOURS * (p["loop machine, hour"] + p["public address, hour"]) + 60 * p["disk, GB month"],
        "functions and API": gb_seconds * p["function, GB second"]
        + (requests + minutes) * p["function, request"]
        + requests * p["HTTP API, request"],
        "table": new * EXPERIMENT["write units"] * p["table, write unit"]
        + (new * EXPERIMENT["read units"] + visits * VISIT["read units"] + minutes * 6) * p["table, read unit"]
        + kept * EXPERIMENT["table GB"] * p["table, GB month"],
        "bucket": kept * EXPERIMENT["bucket GB"] * p["bucket, GB month"]
        + new * (EXPERIMENT["bucket writes"] * p["bucket, write"] + EXPERIMENT["bucket reads"] * p["bucket, read"]),
        "queues, logs, alarms": polls * p["queue, request"]
        + (requests + minutes) * 1e-6 * p["log, GB"]
        + ALARMS * p["alarm"]
        + METRICS * p["metric"],
        "traffic": visits * VISIT["traffic GB"] * p["traffic out, GB"],
    }


def main():
    """Prints the table."""
    columns = [(100, 1_000), (1_000, 10_000), (100_000, 100_000)]
    bills = [month(new, new * 6, visits) for new, visits in columns]
    print("| dollars a month | " + " | ".join(f"{new:,} experiments, {visits:,} visits" for new, visits in columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for part in bills[0]:
        print(f"| {part} | " + " | ".join(f"{bill[part]:,.2f}" for bill in bills) + " |")
    print("| **in all** | " + " | ".join(f"**{sum(bill.values()):,.0f}**" for bill in bills) + " |")


if __name__ == "__main__":
    main()
