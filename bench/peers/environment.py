"""The virtual environment that measures awing beside others, and awing's own build."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = HERE / ".venv"
PYTHON = VENV / "bin" / "python"


def install() -> None:
    """Makes `.venv`; nothing is done where it is whole."""
    wanted = (HERE / "requirements.txt").read_text()
    done = VENV / "installed.txt"
    if done.exists() and done.read_text() == wanted:
        return
    print("installing the peers into bench/peers/.venv (once)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    # One package at a time, none with what it asks for.
    for line in wanted.splitlines():
        if line and not line.startswith("#"):
            subprocess.run([PYTHON, "-m", "pip", "install", "-q", "--no-deps", "--no-cache-dir", line], check=True)
    import cuda_stubs

    cuda_stubs.write(next(VENV.glob("lib/python*/site-packages/torch/lib")))
    done.write_text(wanted)


def build(profile: str) -> Path:
    subprocess.run(["cargo", "build", "-q", "--profile", profile, "-p", "awing-cli"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / ("debug" if profile == "dev" else profile) / "awing"
