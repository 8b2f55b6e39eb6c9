"""The Adaptive Wing loss with a weight map, as vectorised PyTorch."""

import torch

ALPHA, OMEGA, EPSILON, THETA = 2.1, 14.0, 1.0, 0.5


def adaptive_wing(output: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The mean over all pixels of the weighted loss."""
    difference = (target - output).abs()
    exponent = ALPHA - target
    ratio = THETA / EPSILON
    power = torch.pow(ratio, exponent)
    slope = OMEGA * exponent * torch.pow(ratio, exponent - 1) / (1 + power) / EPSILON
    offset = THETA * slope - OMEGA * torch.log1p(power)
    near = OMEGA * torch.log1p(torch.pow(difference / EPSILON, exponent))
    return (torch.where(difference < THETA, near, slope * difference - offset) * weight).mean()


def stacked_loss(outputs: list[torch.Tensor], target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The sum over the stacks."""
    return sum(adaptive_wing(output, target, weight) for output in outputs)
