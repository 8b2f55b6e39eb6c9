"""The works that awing and its peers do alike, under the names that `awing bench` gives them."""

from dataclasses import dataclass, field

TRAINING = ("eager", "eager channels-last", "compile", "compile channels-last")
PREDICTION = ("onnxruntime", "eager", "eager channels-last", "compile", "compile channels-last")


@dataclass(frozen=True)
class Work:
    """One row of the table: what awing is told, and what the peers need to know to do the same."""

    title: str
    arguments: tuple[str, ...]  # of `awing bench`
    peers: tuple[str, ...]
    stacks: int = 1
    width: int = 64
    input: int = 256
    batch: int = 16
    must: dict[str, float] = field(default_factory=dict)  # ours / peer; "" is the best of all

    @property
    def name(self) -> str:
        return self.arguments[0]


def sized(title: str, work: str, peers: tuple[str, ...], must: float, stacks: int, width: int, batch: int) -> Work:
    sizes = {"stacks": stacks, "width": width, "input": 256, "batch": batch}
    words = (word for key, value in sizes.items() for word in (f"--{key}", str(value)))
    return Work(title, (work, *words), peers, must={"": must}, **sizes)


WORKS = {
    "loss": Work(
        "weighted Adaptive Wing loss, forward + gradient, [16, 69, 64, 64]",
        ("loss", "--input", "256", "--batch", "16"),
        ("eager", "compile"),
        must={"eager": 0.05, "compile": 0.35},
    ),
    "train-64": sized("training step, 1 stack, 64 wide, 256 px, batch 16", "train-step", TRAINING, 0.8, 1, 64, 16),
    "train-256": sized("training step, 1 stack, 256 wide, 256 px, batch 4", "train-step", TRAINING, 1.0, 1, 256, 4),
    "predict-paper": sized("prediction, one face, `paper` preset", "predict", PREDICTION, 1.0, 4, 256, 1),
    "predict-small": sized("prediction, one face, `small` preset", "predict", PREDICTION, 1.0, 2, 64, 1),
    "predict-small-16": sized("prediction, 16 faces, `small` preset", "predict", PREDICTION, 1.0, 2, 64, 16),
    "sample": Work(
        "one training sample, one thread", ("sample", "--threads", "1"), ("opencv",), batch=1, must={"": 0.15}
    ),
}
