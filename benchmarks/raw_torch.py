"""Training by hand in PyTorch: plain eager mode, fused `torch.optim.Adam` with Keras's constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

RATE, BETA_1, BETA_2, EPSILON = 0.001, 0.9, 0.999, 1e-7


def _correction_in_float32(step: int) -> float:
    one, beta_1, beta_2, t = np.float32([1, BETA_1, BETA_2, step])
    return float(np.sqrt(one - beta_2**t) / (one - beta_1**t))


class Training:
    """A training loop.

    Args:
        module: The model.
        loss: `(outputs, y) -> scalar`, the mean over the batch.
        x, y: The data; images as `(rows, height, width, channels)`.
        batch_size: Rows a batch.
        channels_last: Whether `x` are images, that PyTorch is given with the channels last in memory.
    """

    def __init__(self, module: nn.Module, loss: Callable, x: Any, y: Any, batch_size: int, channels_last: bool = False):
        self.channels_last = channels_last
        self.module = module.to(memory_format=torch.channels_last) if channels_last else module
        self.loss, self.size = loss, batch_size
        self.x, self.y = self._tensor(x), torch.from_numpy(np.ascontiguousarray(y))
        if not self.y.is_floating_point():
            self.y = self.y.long()
        self.optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=1e-3, fused=True)
        self.steps = 0

    def _tensor(self, x: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(x))
        # A transposed view of NHWC memory is what PyTorch calls channels_last.
        return tensor.permute(0, 3, 1, 2) if self.channels_last else tensor

    def epoch(self) -> float:
        """Trains one epoch; returns the mean loss."""
        self.module.train()
        total = torch.zeros(())
        for x, y in zip(self.x.split(self.size), self.y.split(self.size)):
            loss = self.loss(self.module(x), y)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._update()
            total += loss.detach() * len(x)
        return float(total) / len(self.x)

    def _update(self) -> None:
        self.steps += 1
        second = math.sqrt(1 - BETA_2**self.steps)
        group = self.optimizer.param_groups[0]
        # Keras adds its epsilon before the second moment is corrected for the start, PyTorch after it; and it works the
        # correction out in float32, an error of 1e-5 in the rate that is seen in the loss after hundreds of steps.
        group["eps"] = EPSILON / second
        group["lr"] = RATE * _correction_in_float32(self.steps) * (1 - BETA_1**self.steps) / second
        self.optimizer.step()

    def evaluate(self) -> float:
        """The mean loss over the data."""
        self.module.eval()
        with torch.inference_mode():
            batches = zip(self.x.split(self.size), self.y.split(self.size))
            return float(sum(self.loss(self.module(x), y) * len(x) for x, y in batches)) / len(self.x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The outputs for `x`."""
        self.module.eval()
        with torch.inference_mode():
            return torch.cat([self.module(part) for part in self._tensor(x).split(self.size)]).numpy()


def binary_cross_entropy(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy of labels 0 and 1 and logits."""
    return nn.functional.binary_cross_entropy_with_logits(outputs, labels)


def load(module: nn.Module, values: list[np.ndarray]) -> nn.Module:
    """Gives the parameters and statistics of `module`, in their order, the values; returns `module`."""
    tensors = [t for name, t in module.state_dict().items() if not name.endswith("num_batches_tracked")]
    assert len(tensors) == len(values), (len(tensors), len(values))
    for tensor, value in zip(tensors, values):
        assert tuple(tensor.shape) == value.shape, (tensor.shape, value.shape)
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return module


def kernels(values: list[np.ndarray]) -> list[np.ndarray]:
    """Keras's weights as PyTorch has them: dense kernels transposed, convolutions' as `(filters, channels, h, w)`."""
    axes = {2: (1, 0), 4: (3, 2, 0, 1)}
    return [v.transpose(axes[v.ndim]) if v.ndim in axes else v for v in values]
