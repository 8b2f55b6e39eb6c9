#!/usr/bin/env python3
"""Networks to and from PyTorch and ONNX Runtime: python3 bench/interchange/run.py

Installs PyTorch, ONNX and ONNX Runtime as bench/peers/run.py does, into the same virtual environment, and builds awing. A network of the author's layout with random
weights and all 1,137 entries is saved in several ways, imported by `awing import`, and its maps are compared with PyTorch's; exported by
`awing export --format onnx` and compared once more. Distances are the largest one over all cells, as a part of the maps' range. Ends with 1
where one is above what is allowed.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import environment  # noqa: E402

if pathlib.Path(sys.prefix) != environment.VENV:
    environment.install()
    os.execv(environment.PYTHON, [environment.PYTHON, *sys.argv])

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from author import random_network  # noqa: E402

MOST = 1e-4
COMMAND = environment.build("release")


def awing(*words) -> str:
    done = subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"awing {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def distance(found, expected) -> float:
    return float(np.abs(found - expected).max() / (expected.max() - expected.min()))


def our_maps(model: pathlib.Path, photo: pathlib.Path, folder: pathlib.Path) -> np.ndarray:
    """The raw maps for a photo that is as large as the input, which `--whole-image` then takes as it is."""
    awing("predict", photo, "--model", model, "--whole-image", "--heatmaps", folder)
    return np.load(next(folder.glob("*.npy")))


def main() -> int:
    rows = []

    def note(what: str, found: float, most: float = MOST):
        rows.append((what, found, most))
        print(f"{what:64} {found:9.1e}  {'ok' if found <= most else 'TOO FAR'}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        pixels = np.random.default_rng(3).integers(0, 256, (5, 256, 256, 3), dtype=np.uint8)
        photo = folder / "photo.png"
        cv2.imwrite(str(photo), pixels[0][:, :, ::-1])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255

        for points, stacks in [(98, 4), (68, 1)]:
            network = random_network(points, points=points, stacks=stacks)
            state = network.state_dict()
            with torch.no_grad():
                truth = network(images).numpy()
            name = f"{stacks} stacks, {points} points"
            print(f"{name}: {len(state)} entries")
            assert stacks != 4 or len(state) == 1137
            untracked = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
            forms = {
                "plain.pth": lambda path: torch.save(state, path),
                "nested.pth": lambda path: torch.save({"state_dict": state, "epoch": 3}, path),
                "parallel.pth": lambda path: torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, path),
                "old.pth": lambda path: torch.save(untracked, path, _use_new_zipfile_serialization=False),
                "doubles.pth": lambda path: torch.save({k: v.double() for k, v in untracked.items()}, path),
                "weights.safetensors": lambda path: save_file(state, path),
            }
            for file, save in forms.items():
                path, model = folder / f"{stacks}-{file}", folder / f"{stacks}-{file}-model"
                save(path)
                awing("import", path, "--out", model)
                note(f"{name}, {file}: awing against PyTorch", distance(our_maps(model, photo, folder / f"{stacks}-{file}-maps"), truth[0]))
            back = folder / f"{stacks}-back.safetensors"
            awing("export", "--model", model, "--format", "safetensors", "--out", back)
            again = load_file(back)
            missing = network.load_state_dict(again, strict=True)
            assert not missing.missing_keys
            same = all(torch.equal(again[k], v) for k, v in untracked.items())
            note(f"{name}, export to PyTorch: entries that differ", 0.0 if same else 1.0, 0.0)
            for weights, batch, most in [("f32", None, MOST), ("f32", 1, MOST), ("f32", 5, MOST), ("f16", None, 2e-2)]:
                path = folder / f"{stacks}-{weights}-{batch}.onnx"
                fixed = [] if batch is None else ["--batch", batch]
                awing("export", "--model", model, "--format", "onnx", "--weights", weights, *fixed, "--out", path)
                onnx.checker.check_model(onnx.load(path), full_check=True)
                session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
                for count in [1, 5] if batch is None else [batch]:
                    found = session.run(["heatmaps"], {"image": images[:count].numpy()})[0]
                    size = "any batch" if batch is None else "fixed batch"
                    note(f"{name}, ONNX {weights}, {size}, {count} faces: ONNX Runtime", distance(found, truth[:count]), most)
                if weights == "f32" and batch is None:
                    keys = session.get_modelmeta().custom_metadata_map
                    assert 'name = "' in keys["awing.scheme"] and keys["awing.input"] == "256", keys
    return 0 if all(found <= most for _, found, most in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
