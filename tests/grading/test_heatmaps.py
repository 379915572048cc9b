"""Points become heat maps and come back; five levels always run head to foot."""

from __future__ import annotations

import numpy as np
import torch

from lumbar.grading.heatmaps import chain, peak, targets


def test_a_point_comes_back_from_its_own_map() -> None:
    points = torch.tensor([[[70.3, 41.9]]])
    blobs, known = targets(points, 32, sigma=1.0)
    assert known.all()
    log_map = np.log(blobs[0, 0].numpy().astype(float) + 1e-12)
    row, column = np.unravel_index(log_map.argmax(), log_map.shape)
    spot, confidence = peak(log_map, int(row), int(column))
    assert np.abs(spot - (70.3, 41.9)).max() < 0.5
    assert confidence > 0.9


def test_unknown_and_outside_points_have_no_target() -> None:
    points = torch.tensor([[[np.nan, np.nan], [500.0, 10.0], [10.0, 10.0]]])
    blobs, known = targets(points, 32, sigma=1.0)
    assert known.tolist() == [[False, False, True]]
    assert torch.isfinite(blobs).all()


def test_levels_run_head_to_foot_even_where_two_maps_agree_on_one_disc() -> None:
    maps = np.full((5, 40, 40), -20.0)
    for level, row in enumerate((5, 10, 10, 20, 25)):
        maps[level, row, 12] = -0.5
    maps[2, 15, 13] = -1.0
    rows = chain(maps, gap=2)[:, 0]
    assert rows.tolist() == [5, 10, 15, 20, 25]


def test_the_chain_is_the_best_of_all_chains() -> None:
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(3, 7, 2))
    best = max(
        maps[0].max(1)[a] + maps[1].max(1)[b] + maps[2].max(1)[c]
        for a in range(7)
        for b in range(a + 2, 7)
        for c in range(b + 2, 7)
    )
    found = sum(maps[k, row, column] for k, (row, column) in enumerate(chain(maps, gap=2)))
    assert np.isclose(found, best)
