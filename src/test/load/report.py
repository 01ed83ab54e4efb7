"""The results as a table, as Markdown and as JSON, with the machine that they are from."""

import json
import os
import platform
import re
import statistics
import subprocess

BEGIN, END = "<!-- results: written by src/test/load/benchmark.py -->", "<!-- end of results -->"


def machine(postgres, java):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(re.search(r"MemTotal:\s*(\d+)", file.read()).group(1))
    version = subprocess.run([*java, "-version"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, check=True).stderr
    return {"processor": model.group(1).strip() if model else platform.machine(), "processors": os.cpu_count(),
            "memory_gib": round(memory / 1024**2, 1), "kernel": platform.release().split("-")[0],
            "load_average": [round(load, 1) for load in os.getloadavg()],
            "postgres": postgres.version(), "java": version.splitlines()[-1].strip()}


def progress(row):
    return (f"{row['title']}, {row['connections']} connections: service {row['service']['rate']:,.0f} a second, pgbench"
            f" {row['pgbench']['rate']:,.0f}, ratio {row['ratio']:.2f}"
            + (f"; by hand {row['by hand']['rate']:,.0f}, {statistics.median(row['hand_ratios']):.2f}" if row["hand_ratios"] else ""))


COMPARED = ("case", "connections", "requests a second", "pgbench", "ratio", "goal", "by hand", "ratio", "goal", "p50 ms", "pgbench", "p99 ms", "pgbench",
            "CPU ms: service", "database", "pgbench's database", "by hand", "RSS MiB")


def compared(results):
    for row in results:
        served, bare = row["service"], row["pgbench"]
        yield (row["title"], str(row["connections"]), f"{served['rate']:,.0f}", f"{bare['rate']:,.0f}",
               f"{row['ratio']:.2f} ({min(row['ratios']):.2f} to {max(row['ratios']):.2f})",
               f"{row['goal']:.2f}" if row["goal"] else "", *by_hand(row), f"{served['p50']:.2f}", f"{bare['p50']:.2f}",
               f"{served['p99']:.2f}", f"{bare['p99']:.2f}", f"{served['service_cpu']:.3f}", f"{served['database_cpu']:.3f}",
               f"{bare['database_cpu']:.3f}", f"{row['by hand']['database_cpu']:.3f}" if row["hand_ratios"] else "",
               f"{row['resident_kib'] / 1024:.0f}")


def by_hand(row):
    ratios = row["hand_ratios"]
    if not ratios:
        return "", "", ""
    return (f"{row['by hand']['rate']:,.0f}", f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{row['hand_goal']:.2f}" if row["hand_goal"] else "")


def grown(results):
    """A table for each dimension: its name, the header, the rows."""
    for dimension in dict.fromkeys(row["dimension"] for row in results):
        rows = [row for row in results if row["dimension"] == dimension]
        sizes = [f"{figure['size']:,}" for figure in rows[0]["sizes"]]
        yield dimension, ("p50 ms (p99), times the smallest", *sizes), [
            (row["title"], *(f"{each['p50']:.2f} ({each['p99']:.2f}) ×{each['ratio']:.2f}" for each in row["sizes"]))
            for row in rows]


UPLOADED = ("messages of an upload", "MB", "new: ms", "bare insert", "ratio", "at most", "CPU ms: database", "the same again: ms")


def uploaded(results):
    for row in results:
        yield (f"{row['messages']:,}", f"{row['bytes'] / 1e6:.2f}", f"{row['new_ms']:.0f}", f"{row['insert_ms']:.0f}",
               f"{row['ratio']:.1f}", f"{row['goal']:.1f}" if row["goal"] else "", f"{row['database_cpu']:.0f}",
               f"{row['same_ms']:.0f}")


STARTED = ("start to first answer", "s", "RSS MiB")


def started(results):
    for row in results:
        yield (row["cache"], f"{statistics.median(row['seconds']):.1f} ({min(row['seconds']):.1f} to {max(row['seconds']):.1f})",
               f"{row['resident_kib'] / 1024:.0f}")


def aligned(header, rows):
    rows = [header, *rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) if index == 0 else cell.rjust(width)
                               for index, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def text(outcome):
    parts = []
    if "results" in outcome:
        parts += [aligned(COMPARED, list(compared(outcome["results"])))]
    if "uploads" in outcome:
        parts += [aligned(UPLOADED, list(uploaded(outcome["uploads"])))]
    if "starts" in outcome:
        parts += [aligned(STARTED, list(started(outcome["starts"])))]
    for dimension, header, rows in grown(outcome.get("growth", [])):
        parts += [f"Growth with the {dimension}\n" + aligned(header, rows)]
    return "\n\n".join(parts) + f"\n\nNothing was lost. {outcome['minutes']:.0f} minutes."


def page(outcome):
    parameters, found = outcome["parameters"], outcome["machine"]
    settings = ", ".join(f"`{name}` {value}" for name, value in outcome["postgres_settings"].items())
    parts = [f"`{outcome['command'].strip()}`: {parameters['users']:,} users × {parameters['sessions']:,} sessions ×"
             f" {parameters['messages']:,} messages, {parameters['rounds']} rounds of {parameters['seconds']} s for each side,"
             f" {outcome['minutes']:.0f} minutes in all.",
             f"Machine: {found['processors']} × {found['processor']}, {found['memory_gib']} GiB, Linux {found['kernel']};"
             f" service, database and generators share it. Load average at the end: {found['load_average'][0]}. PostgreSQL"
             f" {found['postgres']} ({settings}), {found['java']}"
             + (f" with `{parameters['java_options']}`" if parameters["java_options"] else "") + "."]
    if "results" in outcome:
        parts += ["### Beside pgbench", markdown(COMPARED, compared(outcome["results"]))]
    if "uploads" in outcome:
        parts += ["### Uploads", markdown(UPLOADED, uploaded(outcome["uploads"]))]
    if "starts" in outcome:
        parts += ["### Start", markdown(STARTED, started(outcome["starts"]))]
    for dimension, header, rows in grown(outcome.get("growth", [])):
        parts += [f"### Growth with the {dimension}", markdown(header, rows)]
    return "\n\n".join(parts) + "\n"


def has_place(docs):
    with open(docs, encoding="utf-8") as file:
        _, begin, rest = file.read().partition(BEGIN)
    return bool(begin) and END in rest


def write(outcome, directory, docs):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(outcome, indent=2) + "\n", encoding="utf-8")
    (directory / "results.md").write_text(page(outcome), encoding="utf-8")
    if docs:
        with open(docs, encoding="utf-8") as file:
            before, _, rest = file.read().partition(BEGIN)
        with open(docs, "w", encoding="utf-8") as file:
            file.write(f"{before}{BEGIN}\n\n{page(outcome)}\n{END}{rest.partition(END)[2]}")
