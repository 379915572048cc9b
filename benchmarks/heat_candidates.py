"""Ways to make a heat map that were tried and not kept; benchmarks/ABLATIONS.md has their figures.

Each takes and gives what `lumbar.grading.activation.heat_of` does.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from lumbar.grading.activation import HeatOf
from lumbar.grading.networks import GraderNet, standardise

__all__ = ["CANDIDATES"]

LEAST = 16
"""Edge of the coarsest map; coarser ones are interpolated."""

BLOCKS = ("denseblock1", "denseblock2", "denseblock3", "norm5")


def gradient_heat(
    model: GraderNet,
    pictures: Tensor,
    views: Tensor,
    family: Tensor,
    grades: Tensor,
    *,
    taps: Sequence[str],
    weigh: str,
    combine: str = "mean",
    trunk: nn.Sequential | None = None,
) -> Tensor:
    """LayerCAM, HiResCAM or Grad-CAM of some layers, put together by mean or product."""
    with torch.enable_grad():
        signal = standardise(pictures).contiguous(memory_format=torch.channels_last)
        signal.requires_grad_(True)
        shown = {"input": signal}
        for name, layer in (trunk or model.trunk).named_children():
            signal = shown[name] = layer(signal)
        weights = _log_odds(model, views, family, grades)
        odds = (torch.relu(signal).mean(dim=(2, 3)) * weights).sum(1)
        chosen = [shown[name] for name in taps]
        gradients = torch.autograd.grad(odds.sum(), chosen)
    size = max(
        max(tap.shape[-1] for tap in chosen if tap.shape[1] > 3) if taps != ("input",) else 28, 16
    )
    total = None
    for name, tap, gradient in zip(taps, chosen, gradients, strict=True):
        spoke = _weighed(weigh, tap if name == "input" else torch.relu(tap), gradient)
        if name == "input":
            spoke = functional.adaptive_avg_pool2d(spoke, size)
        spoke = _unit(functional.interpolate(spoke, (size, size), mode="bilinear")[:, 0])
        spoke = spoke if combine == "mean" else spoke + 0.05
        total = spoke if total is None else total + spoke if combine == "mean" else total * spoke
    assert total is not None
    return _unit(total.detach())


def input_gradient(
    model: GraderNet,
    pictures: Tensor,
    views: Tensor,
    family: Tensor,
    grades: Tensor,
    *,
    draws: int = 1,
    noise: float = 0.0,
    times: str = "",
    path: int = 1,
    blur_px: float = 2.0,
    edge: int = 32,
    against: str = "mean",
) -> Tensor:
    """The size of the gradient by each pixel: alone, averaged over noisy copies (SmoothGrad), over
    the way from a blurred picture (integrated gradients), or times what the blur took away."""
    shown = standardise(pictures)
    plain = _blurred(shown, shown.shape[-1] / 8)
    generator = torch.Generator().manual_seed(0)
    weights = _log_odds(model, views, family, grades)
    if against == "normal":
        reading = model.reading[family, views]
        normal = torch.where(grades == 0, 2, 0)
        other = reading.gather(2, normal[:, None, None].expand(-1, reading.shape[1], 1))[..., 0]
        own = reading.gather(2, grades[:, None, None].expand(-1, reading.shape[1], 1))[..., 0]
        weights = own - other
    total = torch.zeros_like(shown[:, :1])
    for _ in range(draws):
        summed = torch.zeros_like(shown)
        for step in range(path):
            share = 1.0 if path == 1 else (step + 0.5) / path
            signal = plain + share * (shown - plain)
            signal = signal + noise * torch.randn(signal.shape, generator=generator)
            with torch.enable_grad():
                signal = signal.contiguous(memory_format=torch.channels_last).requires_grad_(True)
                pooled = torch.relu(model.trunk(signal)).mean(dim=(2, 3))
                summed += torch.autograd.grad((pooled * weights).sum(), signal)[0]
        if times == "detail":
            summed = summed * (shown - plain)
        if times == "square":
            summed = summed.square()
        total += summed.abs().sum(1, keepdim=True)
    smooth = _blurred(total, blur_px)
    return _unit(functional.adaptive_avg_pool2d(smooth, edge)[:, 0])


def _blurred(pictures: Tensor, sigma: float) -> Tensor:
    """Pictures `[n, c, s, s]` under a Gaussian of `sigma` pixels, edges continued."""
    reach = max(1, min(int(3 * sigma), pictures.shape[-1] - 1))
    steps = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(pictures.shape[1], 1, 1, -1)
    wide = functional.pad(pictures, (reach, reach, reach, reach), mode="replicate")
    across = functional.conv2d(wide, kernel, groups=pictures.shape[1])
    return functional.conv2d(across, kernel.transpose(2, 3), groups=pictures.shape[1])


def dense_cam(
    model: GraderNet,
    pictures: Tensor,
    views: Tensor,
    family: Tensor,
    grades: Tensor,
    *,
    open_strides: Sequence[str],
) -> Tensor:
    """The exact linear CAM of a trunk whose last strides are taken out and its kernels dilated."""
    trunk = dilated(model.trunk, open_strides)
    with torch.inference_mode():
        features = torch.relu(trunk(standardise(pictures)))
        weights = _log_odds(model, views, family, grades)
        cam = torch.einsum("pchw,pc->phw", features, weights)[:, None]
    size = max(cam.shape[-1], LEAST)
    cam = functional.interpolate(cam, (size, size), mode="bilinear")[:, 0]
    return _unit((cam - cam.amin(dim=(1, 2), keepdim=True)).clone())


def occlusion(
    model: GraderNet,
    pictures: Tensor,
    views: Tensor,
    family: Tensor,
    grades: Tensor,
    *,
    share: float = 0.2,
    steps: int = 14,
) -> Tensor:
    """How much the log-odds fall when a square is blurred away, at 14 x 14 places."""
    weights = _log_odds(model, views, family, grades)
    edge = pictures.shape[-1]
    blurred = functional.avg_pool2d(
        functional.pad(pictures, (8, 8, 8, 8), mode="reflect"), 17, stride=1
    )
    axis = torch.arange(edge) + 0.5

    def odds(shown: Tensor) -> Tensor:
        pooled = torch.relu(model.trunk(standardise(shown))).mean(dim=(2, 3))
        return (pooled * weights).sum(1)

    with torch.inference_mode():
        whole = odds(pictures)
        heat = torch.zeros(len(pictures), steps, steps)
        for row in range(steps):
            for column in range(steps):
                y, x = (row + 0.5) / steps * edge, (column + 0.5) / steps * edge
                sigma = share * edge / 2
                mask = torch.exp(-((axis[:, None] - y) ** 2 + (axis - x) ** 2) / (2 * sigma**2))
                heat[:, row, column] = whole - odds(pictures + mask * (blurred - pictures))
    return _unit(torch.relu(heat).clone())


def dilated(trunk: nn.Sequential, open_strides: Sequence[str]) -> nn.Sequential:
    """The trunk with the pools of some transitions at stride 1, everything behind them dilated."""
    trunk = copy.deepcopy(trunk)
    spread = 1
    for name, layer in trunk.named_children():
        for module in layer.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and spread > 1:
                module.dilation = module.padding = (spread, spread)
        if name.startswith("transition"):
            assert isinstance(layer, nn.Sequential)
            if name in open_strides:
                layer.pool = _SpreadPool(spread)
                spread *= 2
            elif spread > 1:
                raise ValueError("strides can only be taken out from some transition to the last")
    return trunk


class _SpreadPool(nn.Module):
    """A 2 x 2 mean of values `spread` apart, at every place; the edge continued."""

    def __init__(self, spread: int) -> None:
        super().__init__()
        self.spread = spread

    def forward(self, signal: Tensor) -> Tensor:
        """Signal `[n, c, h, w]` of the same size."""
        k = self.spread
        wide = functional.pad(signal, (0, k, 0, k), mode="replicate")
        near, far = slice(None, -k), slice(k, None)
        pairs = ((near, near), (near, far), (far, near), (far, far))
        total: Tensor = sum(wide[..., rows, columns] for rows, columns in pairs)  # type: ignore[assignment]
        return total / 4


def _log_odds(model: GraderNet, views: Tensor, family: Tensor, grades: Tensor) -> Tensor:
    """Weights `[p, c]` of the pooled features in the grade's logit less the mean of the others."""
    reading = model.reading[family, views]
    chosen = reading.gather(2, grades[:, None, None].expand(-1, reading.shape[1], 1))[..., 0]
    return chosen - (reading.sum(2) - chosen) / (reading.shape[2] - 1)


def _weighed(weigh: str, tap: Tensor, gradient: Tensor) -> Tensor:
    if weigh == "layercam":
        return torch.relu((torch.relu(gradient) * tap).sum(1, keepdim=True))
    if weigh == "hirescam":
        return torch.relu((gradient * tap).sum(1, keepdim=True))
    if weigh == "gradcam":
        return torch.relu((gradient.mean(dim=(2, 3), keepdim=True) * tap).sum(1, keepdim=True))
    return gradient.abs().sum(1, keepdim=True)


def _unit(maps: Tensor) -> Tensor:
    return maps / maps.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)


def _layers(weigh: str) -> dict[str, HeatOf]:
    first, second, third = BLOCKS[:3]
    groups = {
        "1": (first,),
        "2": (second,),
        "3": (third,),
        "12": (first, second),
        "23": (second, third),
        "123": (first, second, third),
        "1234": BLOCKS,
    }
    made = {f"{weigh}-{k}": partial(gradient_heat, taps=v, weigh=weigh) for k, v in groups.items()}
    products = {
        f"{weigh}-{k}x": partial(gradient_heat, taps=v, weigh=weigh, combine="product")
        for k, v in groups.items()
        if len(v) > 1
    }
    return {**made, **products}


CANDIDATES: Mapping[str, HeatOf] = {
    "cam": partial(dense_cam, open_strides=()),
    "cam-dilated-3": partial(dense_cam, open_strides=("transition3",)),
    "cam-dilated-23": partial(dense_cam, open_strides=("transition2", "transition3")),
    "cam-dilated-123": partial(
        dense_cam, open_strides=("transition1", "transition2", "transition3")
    ),
    **_layers("layercam"),
    **_layers("hirescam"),
    **_layers("gradcam"),
    "input": input_gradient,
    "input-1px": partial(input_gradient, blur_px=1.0),
    "input-3px": partial(input_gradient, blur_px=3.0),
    "input-16": partial(input_gradient, edge=16),
    "input-normal": partial(input_gradient, against="normal"),
    "input-square": partial(input_gradient, times="square"),
    "input-detail": partial(input_gradient, times="detail"),
    "smooth-0.1": partial(input_gradient, draws=6, noise=0.1),
    "smooth-0.3": partial(input_gradient, draws=6, noise=0.3),
    "integrated": partial(input_gradient, path=6, times="detail"),
    "integrated-plain": partial(input_gradient, path=6),
    "gradient": partial(gradient_heat, taps=("input",), weigh="gradient"),
    "occlusion": occlusion,
}
