"""Lets PyTorch's default wheel run on a machine without a GPU and without three gigabytes of CUDA libraries.

The wheel for Linux is linked against those libraries and cannot be imported without them, though a CPU never calls
them. This writes small libraries of the same names beside PyTorch's own: every function answers `cudaErrorNoDevice`
(100), so PyTorch finds no GPU. Needs gcc and readelf.
"""

import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

NO_DEVICE = 100
CUDA = re.compile(r"_*(cu|nccl|nv)")
# Functions that are asked for without a version can stand in any library that has none.
UNVERSIONED = "libcufile.so.0"


def readelf(option: str, library: Path) -> str:
    return subprocess.run(["readelf", "-W", option, library], capture_output=True, text=True, check=True).stdout


def write(folder: Path) -> None:
    """Writes what is missing in PyTorch's library folder."""
    names = {UNVERSIONED}
    versions = {}  # version -> the library that must define it
    functions = defaultdict(set)  # version, or "" -> functions
    for library in folder.glob("lib*.so"):
        names |= {n for n in re.findall(r"\(NEEDED\).*\[lib(\S+)\]", readelf("-d", library)) if CUDA.match(n)}
        file = None
        for line in readelf("-V", library).splitlines():
            if found := re.search(r"File: (\S+)", line):
                file = found[1]
            elif (found := re.search(r"Name: (\S+)", line)) and file and CUDA.match(file.removeprefix("lib")):
                versions[found[1]] = file
        for line in readelf("--dyn-syms", library).splitlines():
            fields = line.split()
            if len(fields) >= 8 and fields[6] == "UND" and CUDA.match(fields[7]):
                function, _, version = fields[7].partition("@")
                functions[version.lstrip("@")].add(function)
    for name in sorted(n if n.startswith("lib") else f"lib{n}" for n in names):
        own = sorted(version for version, file in versions.items() if file == name)
        with tempfile.TemporaryDirectory() as scratch:
            source, script = Path(scratch, "stub.c"), Path(scratch, "stub.map")
            stubs = set().union(*(functions[v] for v in own), functions[""] if name == UNVERSIONED else ())
            source.write_text("".join(f"long {f}(void) {{ return {NO_DEVICE}; }}\n" for f in sorted(stubs)))
            script.write_text("".join(f"{v} {{ global: {' '.join(f'{f};' for f in functions[v])} }};\n" for v in own))
            command = ["gcc", "-shared", "-fPIC", "-fno-builtin", f"-Wl,-soname,{name}", "-o", folder / name, source]
            subprocess.run(command + ([f"-Wl,--version-script,{script}"] if own else []), check=True)
