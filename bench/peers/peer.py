"""One peer at one work: `peer.py WORK PEER [FILES]`. It prepares itself, says "ready", and for each number of seconds that it
reads answers with one line of JSON: the milliseconds of every repeat, and the peak memory of the process in MB."""

import json
import sys
import time
from pathlib import Path

from works import WORKS, Work

WARM_UP = 3
THREADS = 2
LEAST = 3


def peak_memory() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def layout(peer: str):
    import torch

    return torch.channels_last if "channels-last" in peer else torch.contiguous_format


def labels(work: Work):
    """Target maps with a Gaussian each, and weights, as training has them: zeros for the most part, no denormal numbers."""
    import torch

    size = work.input // 4
    cells = torch.arange(size)

    def profile():
        distance = cells - size * torch.rand(work.batch, 69, 1)
        return torch.where(distance.abs() <= 4.5, torch.exp(distance**2 / -4.5), 0)

    target = profile().unsqueeze(3) * profile().unsqueeze(2)
    near = torch.nn.functional.max_pool2d(target, 3, 1, 1) >= 0.2
    return target, 1 + 10 * near.float()


def loss(work: Work, peer: str):
    import torch

    from loss import adaptive_wing

    target, weight = labels(work)
    output = (0.7 * target + 0.1 * (torch.rand(target.shape) - 0.5)).requires_grad_()
    function = torch.compile(adaptive_wing) if peer == "compile" else adaptive_wing

    def step():
        output.grad = None
        function(output, target, weight).backward()

    return step


def train(work: Work, peer: str):
    """What awing does in a step: forward, loss, gradients, their norm clipped, AdamW, the moving average."""
    import torch

    from loss import stacked_loss
    from network import StackedHourglass

    torch.manual_seed(0)
    network = StackedHourglass(work.stacks, work.width, work.input).to(memory_format=layout(peer))
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4, fused=True)
    weights = [p for p in network.parameters()] + [b for b in network.buffers() if b.is_floating_point()]
    average = [w.detach().clone() for w in weights]
    images = torch.rand(work.batch, 3, work.input, work.input).contiguous(memory_format=layout(peer))
    target, weight = labels(work)

    def forward():
        return stacked_loss(network(images), target, weight)

    forward = torch.compile(forward) if peer.startswith("compile") else forward

    def step():
        value = forward()
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0, foreach=True)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 0.002)
        return value.item()

    return step


def read_peaks(maps):
    """The highest cell of each map, moved a quarter towards its higher neighbours."""
    import numpy as np

    batch, channels, size, _ = maps.shape
    flat = maps.reshape(batch * channels, size * size)
    best = flat.argmax(1)
    y, x = np.divmod(best, size)
    each = np.arange(len(best))
    value = lambda dy, dx: maps.reshape(-1, size, size)[each, np.clip(y + dy, 0, size - 1), np.clip(x + dx, 0, size - 1)]
    dx, dy = np.sign(value(0, 1) - value(0, -1)), np.sign(value(1, 0) - value(-1, 0))
    return np.stack([x + 0.25 * dx, y + 0.25 * dy], 1).reshape(batch, channels, 2), flat[each, best]


def predict(work: Work, peer: str):
    """From crops of bytes to landmarks, as awing does."""
    import numpy as np

    crops = np.random.default_rng(0).integers(0, 256, (work.batch, work.input, work.input, 3), np.uint8)
    forward = onnx_forward(work) if peer == "onnxruntime" else torch_forward(work, peer)

    return lambda: read_peaks(forward(crops)[:, :-1])


def torch_forward(work: Work, peer: str):
    import torch

    from network import StackedHourglass

    torch.manual_seed(0)
    network = StackedHourglass(work.stacks, work.width, work.input).eval().to(memory_format=layout(peer))
    if peer.startswith("compile"):
        import torch._inductor.config

        # Folds and packs the weights.
        torch._inductor.config.freezing = True
        network = torch.compile(network)

    def forward(crops):
        with torch.inference_mode():
            images = torch.from_numpy(crops).permute(0, 3, 1, 2).to(torch.float32, memory_format=layout(peer))
            return network(images.div_(255))[-1].numpy()

    return forward


def onnx_forward(work: Work):
    import numpy as np
    import onnxruntime

    file = export(work)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    planes = np.empty((work.batch, 3, work.input, work.input), np.float32)

    def forward(crops):
        np.multiply(crops.transpose(0, 3, 1, 2), np.float32(1 / 255), out=planes)
        return session.run(["maps"], {"images": planes})[0]

    return forward


def export(work: Work) -> Path:
    """The ONNX file of the network, written once by another process: PyTorch must not count in the memory of this one."""
    file = Path(__file__).parent / ".venv" / "onnx" / f"{work_key(work)}.onnx"
    if not file.exists():
        import subprocess

        subprocess.run([sys.executable, __file__, "export", work_key(work), str(file)], check=True, stdout=sys.stderr)
    return file


def work_key(work: Work) -> str:
    return next(key for key, other in WORKS.items() if other == work)


def write_onnx(work: Work, file: Path) -> None:
    import torch

    from network import StackedHourglass

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = StackedHourglass(work.stacks, work.width, work.input)

        def forward(self, images):
            return self.network(images)[-1]

    torch.manual_seed(0)
    file.parent.mkdir(parents=True, exist_ok=True)
    example = torch.rand(work.batch, 3, work.input, work.input)
    program = torch.onnx.export(Last().eval(), (example,), dynamo=True, input_names=["images"], output_names=["maps"])
    program.save(file)


def sample(work: Work, peer: str, files: Path):
    import cv2
    import numpy as np

    from sample import Sampler

    cv2.setNumThreads(1)
    rng, sampler = np.random.default_rng(0), Sampler()
    faces = []
    for photo in sorted(files.glob("*.png")):
        points = np.loadtxt(photo.with_suffix(".csv"), delimiter=",")
        faces.append((cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB), points))

    def step():
        for photo, points in faces:
            sampler.make(photo, points, rng)

    return step, len(faces)


def main() -> None:
    mode, key = sys.argv[1:3]
    if mode == "export":
        return write_onnx(WORKS[key], Path(sys.argv[3]))
    work, peer = WORKS[mode], key
    share = 1
    if peer not in ("opencv", "onnxruntime"):
        import torch

        torch.set_num_threads(THREADS)
    before = peak_memory()
    if work.name == "sample":
        step, share = sample(work, peer, Path(sys.argv[3]))
    else:
        step = {"loss": loss, "train-step": train, "predict": predict}[work.name](work, peer)
    for _ in range(WARM_UP):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        end, times = time.perf_counter() + float(line), []
        while len(times) < LEAST or time.perf_counter() < end:
            started = time.perf_counter()
            step()
            times.append((time.perf_counter() - started) * 1000 / share)
        print(json.dumps({"ms": times, "peak_mb": peak_memory(), "imported_mb": before}), flush=True)


if __name__ == "__main__":
    main()
