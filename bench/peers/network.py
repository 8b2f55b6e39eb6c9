"""The stacked hourglass of Wang et al. 2019 in PyTorch, with the layers and the parameter count of awing's."""

import torch
from torch import nn
from torch.nn import functional as F


def coordinates(height: int, width: int) -> torch.Tensor:
    """Row, column and radius of each pixel, [1, 3, height, width]."""
    row = torch.linspace(-1, 1, height).view(1, height, 1).expand(1, height, width)
    column = torch.linspace(-1, 1, width).view(1, 1, width).expand(1, height, width)
    return torch.stack([row, column, torch.hypot(row, column) / 2**0.5], dim=1)


class NormReluConv(nn.Sequential):
    """Batch normalisation, ReLU, convolution without bias."""

    def __init__(self, inputs: int, outputs: int, kernel: int):
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        super().__init__(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), conv)


class ResidualBlock(nn.Module):
    """Three 3 x 3 convolutions of half, a quarter and a quarter of the outputs, side by side, plus the input."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = NormReluConv(inputs, outputs // 2, 3)
        self.second = NormReluConv(outputs // 2, outputs // 4, 3)
        self.third = NormReluConv(outputs // 4, outputs // 4, 3)
        self.projection = NormReluConv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        a = self.first(x)
        b = self.second(a)
        c = self.third(b)
        return torch.cat([a, b, c], 1) + self.projection(x)


class Hourglass(nn.Module):
    def __init__(self, width: int, depth: int = 4):
        super().__init__()
        self.skip, self.down, self.up = (ResidualBlock(width, width) for _ in range(3))
        self.inner = Hourglass(width, depth - 1) if depth > 1 else ResidualBlock(width, width)

    def forward(self, x):
        low = self.up(self.inner(self.down(F.avg_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2, mode="nearest")


class Stack(nn.Module):
    def __init__(self, width: int, channels: int, place: int, is_last: bool):
        super().__init__()
        self.coord = nn.Conv2d(width + place, width, 1)
        self.hourglass = Hourglass(width)
        self.top = ResidualBlock(width, width)
        self.last = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.maps = nn.Conv2d(width, channels, 1)
        if not is_last:
            self.features = nn.Conv2d(width, width, 1)
            self.back = nn.Conv2d(channels, width, 1)
        self.is_last = is_last

    def forward(self, x, place):
        features = self.last(self.top(self.hourglass(self.coord(torch.cat([x, *place], 1)))))
        maps = self.maps(features)
        return maps, x if self.is_last else x + self.features(features) + self.back(maps)


class StackedHourglass(nn.Module):
    """Images [batch, 3, input, input] to the maps of every stack, each [batch, points + 1, input / 4, input / 4]."""

    def __init__(self, stacks: int, width: int, input: int, points: int = 68):
        super().__init__()
        quarter, half = width // 4, width // 2
        self.stem = nn.Sequential(
            nn.Conv2d(6, quarter, 7, stride=2, padding=3), nn.BatchNorm2d(quarter), nn.ReLU(inplace=True)
        )
        self.block1 = ResidualBlock(quarter, half)
        self.block2 = ResidualBlock(half, half)
        self.block3 = ResidualBlock(half, width)
        self.stacks = nn.ModuleList(
            Stack(width, points + 1, 3 if i == 0 else 5, i + 1 == stacks) for i in range(stacks)
        )
        self.register_buffer("place", coordinates(input, input), persistent=False)
        self.register_buffer("map_place", coordinates(input // 4, input // 4), persistent=False)

    def forward(self, images):
        batch = images.shape[0]
        x = self.stem(torch.cat([images, self.place.expand(batch, -1, -1, -1)], 1))
        x = self.block3(self.block2(F.avg_pool2d(self.block1(x), 2)))
        place = self.map_place.expand(batch, -1, -1, -1)
        outputs, edge = [], []
        for stack in self.stacks:
            maps, x = stack(x, [place, *edge])
            edge = [place[:, :2] * (maps[:, -1:].detach() > 0.05)]
            outputs.append(maps)
        return outputs


def parameter_count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())
