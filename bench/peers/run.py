#!/usr/bin/env python3
"""awing beside its peers at the same work: `python3 bench/peers/run.py [WORK…]`.

Installs PyTorch, ONNX Runtime and OpenCV into `.venv` beside this file (1.5 GB; no GPU libraries), builds awing, and
lets awing and each peer work in turn, a few seconds each, several rounds. All are alive at the same time, but one works. Prints the
medians over the rounds, the ratio awing / peer of each round's medians (below 1: awing is faster) with its range, and the peaks of memory.

Needs Python 3.10 or newer with venv, gcc, g++, readelf, cargo, and Linux. Takes about 20 minutes.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from environment import PYTHON, ROOT, VENV, build, install

HERE = Path(__file__).resolve().parent
TABLE = ROOT / "docs" / "PERFORMANCE.md"
MARKS = ("<!-- peers: written by bench/peers/run.py -->", "<!-- end of peers -->")
THREADS = 2
# Threads of a peer that has just worked spin for a moment.
REST = 0.3


class Peer:
    """A process that works when it is told to."""

    def __init__(self, key: str, name: str, files: Path):
        threads = str(1 if key == "sample" else THREADS)
        environment = {"OMP_NUM_THREADS": threads, "TORCHINDUCTOR_CACHE_DIR": str(VENV / "inductor"), "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            [PYTHON, HERE / "peer.py", key, name, files],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"{key}: {name}: {self.process.stderr.read()}")

    def work(self, seconds: float) -> tuple[float, float]:
        """The median in milliseconds, and the peak of memory in MiB."""
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return statistics.median(answer["ms"]), answer["peak_mb"]

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def awing(command: Path, arguments: tuple[str, ...], seconds: float) -> tuple[float, float]:
    words = [command, "bench", *arguments, "--json", "--seconds", str(seconds)]
    if "--threads" not in arguments:
        words += ["--threads", str(THREADS)]
    row = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)["rows"][0]
    median = row["median_ms"] / (row["images"] if row["work"] == "sample" else 1)
    return median, row["peak_memory_mib"]


def timed(words: list) -> tuple[float, float]:
    """A process from its start to its end: milliseconds, and its peak of memory in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{words[0]} ended with {process.returncode}")
    return (time.perf_counter() - started) * 1000, usage.ru_maxrss / 1024


def in_turn(works: dict, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Lets each work in each round, in turn."""
    results = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            results[name].append(work())
            time.sleep(REST)
    return results


def measure(key: str, command: Path, files: Path, rounds: int, seconds: float) -> dict[str, list[tuple[float, float]]]:
    from works import WORKS

    if key == "startup":
        x0, y0, x1, y1 = bounds(files / "photos" / "00.csv")
        photo, model = files / "photos" / "00.jpg", files / "model"
        ours = [command, "predict", photo, "--model", model, f"--box={x0},{y0},{x1},{y1}"]
        theirs = [PYTHON, "-c", "import torch"]
        timed(ours), timed(theirs)
        return in_turn({"awing": lambda: timed(ours), "import torch": lambda: timed(theirs)}, 4 * rounds)
    work = WORKS[key]
    peers = {}
    try:
        for name in work.peers:
            peers[name] = Peer(key, name, files / "photos")
        turns = {"awing": lambda: awing(command, work.arguments, seconds)}
        turns |= {name: (lambda peer=peer: peer.work(seconds)) for name, peer in peers.items()}
        return in_turn(turns, rounds)
    finally:
        for peer in peers.values():
            peer.end()


def bounds(points: Path) -> tuple[float, float, float, float]:
    numbers = [tuple(map(float, line.split(","))) for line in points.read_text().split()]
    xs, ys = zip(*numbers)
    return min(xs), min(ys), max(xs), max(ys)


def middle(values) -> float:
    return statistics.median(values)


def table(key: str, title: str, must: dict[str, float], memory: bool, results: dict) -> list[str]:
    """The rows of a work: awing, then each peer with the ratio to it, the best peer marked."""
    ours = results["awing"]
    best = min((name for name in results if name != "awing"), key=lambda name: middle(ms for ms, _ in results[name]))
    rows = []
    for name, theirs in results.items():
        times = [ms for ms, _ in theirs]
        peak = middle(mib for _, mib in theirs)
        cells = [title if name == "awing" else "", name, f"{middle(times):.2f} ({min(times):.2f} to {max(times):.2f})"]
        if name == "awing":
            cells += ["", "", f"{peak:.0f}", ""]
        else:
            ratios = [a / b for (a, _), (b, _) in zip(ours, theirs)]
            limit = must.get(name, must.get("") if name == best else None)
            cells += [
                f"{'**' if name == best else ''}{middle(ratios):.2f}{'**' if name == best else ''} ({min(ratios):.2f} to {max(ratios):.2f})",
                "" if limit is None else f"{limit:g}",
                f"{peak:.0f}",
                f"{middle(mib for _, mib in ours) / peak:.2f}" if memory else "",
            ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def machine(profile: str) -> str:
    info = Path("/proc/cpuinfo").read_text()
    cpu = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.machine())
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16") if f" {flag} " in info]
    site = [str(path) for path in VENV.glob("lib/python*/site-packages")]
    found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions(path=site)}
    versions = ", ".join(f"{name} {found[name]}" for name in ("torch", "onnxruntime", "opencv-python-headless", "numpy"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return (
        f"{cpu} ({' '.join(flags)}), {os.cpu_count()} cores, {THREADS} threads; awing {commit}, profile {profile}; "
        f"Python {platform.python_version()}, {versions}."
    )


def main() -> None:
    sys.path.insert(0, str(HERE))
    from works import WORKS

    keys = [*WORKS, "startup"]
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(keys)} [all]")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=3, help="a turn of each, three repeats at least")
    arguments.add_argument("--profile", default="release", help="cargo's, for awing: release (as installed) or dev")
    arguments.add_argument("--write", action="store_true", help="put the table into docs/PERFORMANCE.md")
    given = arguments.parse_args()
    if unknown := set(given.works) - set(keys):
        arguments.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(keys)}")
    if given.write and given.works:
        arguments.error("--write: the table in docs/PERFORMANCE.md is of all works")
    install()
    command = build(given.profile)
    lines = [
        machine(given.profile),
        "",
        "| work | who | median ms, range of rounds | awing / peer, range of rounds | must | peak MiB | awing / peer |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch)
        subprocess.run([command, "bench", "--files", files], check=True, stdout=subprocess.DEVNULL)
        for key in given.works or keys:
            results = measure(key, command, files, given.rounds, given.seconds)
            work = WORKS.get(key)
            title = work.title if work else "process start to landmarks, one photo and box, `small` preset"
            must = work.must if work else {"": 0.1}
            rows = table(key, title, must, key.startswith(("train", "predict")), results)
            print("\n".join(rows), flush=True)
            lines += rows
    if given.write:
        before, rest = TABLE.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        TABLE.write_text(before + "\n".join([MARKS[0], "", *lines, "", MARKS[1]]) + after)


if __name__ == "__main__":
    main()
