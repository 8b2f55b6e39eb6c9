"""The author's network as METHOD says: its layers, their names in the state dict and the order of its coordinates, in our own words.

Level l of an hourglass has the blocks b1_l (beside), b2_l (after halving), b3_l (before doubling); level 4 is the outermost.
"""

import torch
from torch import nn
from torch.nn import functional as F


def coordinates(side: int) -> torch.Tensor:
    """[1, 3, side, side]: the row first, then the column, then the radius, 1 in the corners."""
    line = torch.linspace(-1, 1, side)
    row, column = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([row, column, torch.sqrt(row**2 + column**2) / 2**0.5])[None]


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        widths = [inputs, outputs // 2, outputs // 4, outputs // 4]
        for i in range(1, 4):
            setattr(self, f"bn{i}", nn.BatchNorm2d(widths[i - 1]))
            setattr(self, f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], 3, padding=1, bias=False))
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False))
        else:
            self.downsample = None

    def forward(self, x):
        parts, last = [], x
        for i in range(1, 4):
            last = getattr(self, f"conv{i}")(F.relu(getattr(self, f"bn{i}")(last)))
            parts.append(last)
        return torch.cat(parts, 1) + (x if self.downsample is None else self.downsample(x))


class CoordConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, **options):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, **options)

    def forward(self, x, boundary=None):
        place = coordinates(x.shape[2]).expand(x.shape[0], -1, -1, -1)
        if boundary is not None:
            mask = (boundary.clamp(0, 1) > 0.05).float()
            place = torch.cat([place, place[:, :2] * mask], 1)
        return self.conv(torch.cat([x, place], 1))


class Hourglass(nn.Module):
    def __init__(self, width: int, first: bool):
        super().__init__()
        self.coordconv = CoordConv(width + (3 if first else 5), width, kernel_size=1)
        for level in range(4, 0, -1):
            self.add_module(f"b1_{level}", Block(width, width))
            self.add_module(f"b2_{level}", Block(width, width))
        self.b2_plus_1 = Block(width, width)
        for level in range(1, 5):
            self.add_module(f"b3_{level}", Block(width, width))

    def level(self, x, level: int):
        low = getattr(self, f"b2_{level}")(F.avg_pool2d(x, 2))
        low = self.level(low, level - 1) if level > 1 else self.b2_plus_1(low)
        low = F.interpolate(getattr(self, f"b3_{level}")(low), scale_factor=2, mode="nearest")
        return getattr(self, f"b1_{level}")(x) + low

    def forward(self, x, boundary):
        return self.level(self.coordconv(x, boundary), 4)


class Network(nn.Module):
    def __init__(self, points: int = 98, stacks: int = 4, width: int = 256):
        super().__init__()
        self.stacks = stacks
        self.conv1 = CoordConv(6, width // 4, kernel_size=7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(width // 4)
        self.conv2 = Block(width // 4, width // 2)
        self.conv3 = Block(width // 2, width // 2)
        self.conv4 = Block(width // 2, width)
        for i in range(stacks):
            self.add_module(f"m{i}", Hourglass(width, i == 0))
            self.add_module(f"top_m_{i}", Block(width, width))
            self.add_module(f"conv_last{i}", nn.Conv2d(width, width, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(width))
            self.add_module(f"l{i}", nn.Conv2d(width, points + 1, 1))
            if i + 1 < stacks:
                self.add_module(f"bl{i}", nn.Conv2d(width, width, 1))
                self.add_module(f"al{i}", nn.Conv2d(points + 1, width, 1))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.avg_pool2d(self.conv2(x), 2)
        x = self.conv4(self.conv3(x))
        maps = None
        for i in range(self.stacks):
            part = lambda name: getattr(self, f"{name}{i}")
            inner = part("top_m_")(part("m")(x, None if maps is None else maps[:, -1:]))
            features = F.relu(part("bn_end")(part("conv_last")(inner)))
            maps = part("l")(features)
            if i + 1 < self.stacks:
                x = x + part("bl")(features) + part("al")(maps)
        return maps


def random_network(seed: int, **size) -> Network:
    """Random weights, and running statistics as after some training, so that every entry of the state dict counts."""
    torch.manual_seed(seed)
    network = Network(**size).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.0)
                module.bias.uniform_(-0.2, 0.2)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                module.num_batches_tracked.fill_(7)
    return network
