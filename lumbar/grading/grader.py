"""The one way to an answer: a Study in, its 25 findings out. Pages, jobs and notebooks use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lumbar.domain import (
    CELLS,
    Basis,
    Cell,
    Family,
    Finding,
    Level,
    LevelNumbering,
    Severity,
    Side,
    Status,
    StudyGrades,
    UnsidedFinding,
    View,
)
from lumbar.errors import BundleError
from lumbar.grading.activation import HeatMap, heat_maps
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_files import GRADER, LOCATOR
from lumbar.grading.calibration import calibrated
from lumbar.grading.choice import prefer
from lumbar.grading.crops import Crops, cut_crops
from lumbar.grading.engine import engine_of
from lumbar.grading.engine_networks import EngineGrader, EngineLocator
from lumbar.grading.evidence import evidence_of, grounds, place_of
from lumbar.grading.fit import pick_precision
from lumbar.grading.infer import Read, crop_features, read_crops
from lumbar.grading.landmarks import Landmarks, Unplaced
from lumbar.grading.likeness import without_foreign
from lumbar.grading.locate import locate
from lumbar.grading.rules import apply
from lumbar.grading.shipped import starter_path
from lumbar.grading.watch import Watch
from lumbar.imaging.study import Study

__all__ = ["Grader"]


class Grader:
    """A bundle's networks, loaded and ready. Not safe to share between threads."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str | None = None,
        precision: str = "fp32",
        engine: str = "auto",
        basis: Basis | None = None,
    ) -> None:
        """`basis=Basis.REAL` leaves the others not assessed.

        `precision` is fp32, bf16, or auto: bf16 on a GPU that has it, fp32 elsewhere. `engine` is
        auto, onnxruntime, openvino or torch (see `lumbar.grading.engine`); it uses as many threads
        as torch is set to when the Grader is made. Raises BundleError for weights that cannot be
        used, ConfigError for an engine that cannot be had.
        """
        self.bundle, self.basis = bundle, basis
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        on_gpu = self.device.type == "cuda"
        bf16 = pick_precision(precision, self.device) and (precision != "auto" or on_gpu)
        build = partial(engine_of, wish=engine, device=self.device, bf16=bf16)
        self._grader = EngineGrader(
            bundle.grader().to(self.device),
            bundle.config.crops.size_px,
            bundle.sha256(GRADER),
            build,
        )
        self._choice, self._hog = bundle.choice(), bundle.hog()
        self._locator: EngineLocator | None = None
        locator = bundle.locator()
        if locator is not None and bundle.config.locator is not None:
            self._locator = EngineLocator(
                locator.to(self.device),
                bundle.config.locator.size_px,
                bundle.sha256(LOCATOR),
                build,
            )

    @property
    def engine(self) -> str:
        """What computes the grades, in words, with its difference from torch in fp32."""
        difference = self._grader.difference
        return f"{self._grader.engine.words}; probabilities within {difference:.1g} of torch's"

    @classmethod
    def from_bundle(
        cls,
        path: str | Path,
        *,
        device: str | None = None,
        precision: str = "fp32",
        engine: str = "auto",
        basis: Basis | None = None,
    ) -> Grader:
        """Grader of the bundle in a folder; BundleError where it is damaged."""
        bundle = Bundle.load(path)
        return cls(bundle, device=device, precision=precision, engine=engine, basis=basis)

    @classmethod
    def starter(cls, *, precision: str = "fp32", basis: Basis | None = None) -> Grader:
        """Grader of the bundle that ships with lumbar; BundleError where this copy has none."""
        return cls.from_bundle(starter_path(), precision=precision, basis=basis)

    def grade(self, study: Study) -> StudyGrades:
        """The 25 findings of a study at points that the bundle's locator finds."""
        watch = Watch()
        with watch.stage("locate"):
            landmarks = self.locate(study)
        return self._graded(study, landmarks, watch)[0]

    def explain(self, study: Study) -> tuple[StudyGrades, Mapping[Cell, HeatMap]]:
        """What `grade` gives, and for each graded finding where in its picture that was read."""
        watch = Watch()
        with watch.stage("locate"):
            landmarks = self.locate(study)
        return self._explain(study, landmarks, watch)

    def explain_at(
        self, study: Study, landmarks: Landmarks
    ) -> tuple[StudyGrades, Mapping[Cell, HeatMap]]:
        """What `grade_at` gives, and the heat map of each graded finding."""
        return self._explain(study, landmarks, Watch())

    def grade_at(self, study: Study, landmarks: Landmarks) -> StudyGrades:
        """The 25 findings of a study at given points."""
        return self._graded(study, landmarks, Watch())[0]

    def locate(self, study: Study) -> Landmarks:
        """The points of the 25 cells; BundleError where the bundle has no locator.

        With a bundle that chooses among slices, a foramen's are all candidates, surest first.
        """
        return self._located(study, choosing=self._choice is not None)

    def candidates(self, study: Study) -> tuple[Crops, NDArray[np.float32], NDArray[np.float64]]:
        """Crops of all slices that may show a cell, features `[p, 1024]` and logits `[p, 3]`."""
        settings = self.bundle.config.crops
        crops = cut_crops(study, self._located(study, choosing=True), settings)
        logits = np.asarray(self._logits(crops.apart()).logits.double().numpy())
        return crops, crop_features(self._grader, crops.pictures, settings), logits

    def _located(self, study: Study, *, choosing: bool) -> Landmarks:
        if self._locator is None or self.bundle.config.locator is None:
            raise BundleError(f"{self.bundle.path}: no locator: it grades at given points only")
        return locate(study, self._heat_maps, self.bundle.config.locator, choosing=choosing)

    def _explain(
        self, study: Study, landmarks: Landmarks, watch: Watch
    ) -> tuple[StudyGrades, Mapping[Cell, HeatMap]]:
        grades, crops, landmarks = self._graded(study, landmarks, watch)
        with watch.stage("explain"):
            heat = heat_maps(
                self._grader.network, crops, landmarks, grades, self.bundle.config.crops
            )
        return replace(grades, seconds=watch.seconds), heat

    def _graded(
        self, study: Study, landmarks: Landmarks, watch: Watch
    ) -> tuple[StudyGrades, Crops, Landmarks]:
        """The grades, and the crops and points that they rest on."""
        with watch.stage("crop"):
            crops = cut_crops(without_foreign(study), landmarks, self.bundle.config.crops)
        with watch.stage("grade"):
            probabilities, shares = self._read(crops)
            landmarks, crops = prefer(landmarks, crops, shares)
            loose = [self._unsided(study, unplaced) for unplaced in landmarks.unplaced]
        read = dict(zip(crops.cells, probabilities, strict=True))
        findings = tuple(self._finding(cell, landmarks, crops, read.get(cell)) for cell in CELLS)
        sagittal = any(cell.condition.family is Family.CANAL for cell in landmarks.points)
        numbering = landmarks.numbering if sagittal else LevelNumbering.UNCERTAIN
        grades = StudyGrades(
            study.study_id,
            findings,
            numbering,
            self.bundle.name,
            watch.seconds,
            tuple(finding for findings in loose for finding in findings),
        )
        return grades, crops, landmarks

    def _read(self, crops: Crops) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probabilities `[n, 3]` of the cells, and how much each picture `[p]` counted."""
        logits, shares = self._logits(crops)
        shown = calibrated(logits, torch.from_numpy(crops.family), self.bundle.calibrations)
        return shown, np.asarray(shares.double().numpy())

    def _logits(self, crops: Crops) -> Read:
        return read_crops(
            self._grader,
            torch.from_numpy(crops.pictures),
            torch.from_numpy(crops.rows),
            torch.from_numpy(crops.views),
            torch.from_numpy(crops.family),
            torch.from_numpy(crops.level),
            self.bundle.config.crops,
            choice=self._choice,
            worth=torch.tensor([mark.worth for mark in crops.marks]),
            hog=self._hog,
        )

    def _unsided(self, study: Study, unplaced: Unplaced) -> list[UnsidedFinding]:
        """The grades of a lone slice's points; none where the family may not be graded."""
        basis = self.bundle.config.basis.get(unplaced.family)
        if basis is None or (self.basis is Basis.REAL and basis is not Basis.REAL):
            return []
        crops = cut_crops(study, unplaced.landmarks, self.bundle.config.crops)
        groups: dict[tuple[Side | None, Level | None], list[int]] = {}
        for number, cell in enumerate(crops.cells):
            groups.setdefault(place_of(cell, unplaced), []).append(number)
        shares = self._read(crops)[0]
        return [
            self._unsided_finding(unplaced, crops, numbers, place, shares[numbers].mean(axis=0))
            for place, numbers in groups.items()
            if np.isfinite(shares[numbers]).all()
        ]

    def _unsided_finding(
        self,
        unplaced: Unplaced,
        crops: Crops,
        numbers: list[int],
        place: tuple[Side | None, Level | None],
        shares: NDArray[np.float64],
    ) -> UnsidedFinding:
        config = self.bundle.config
        cell = crops.cells[numbers[0]]
        mark = unplaced.landmarks.points[cell]
        first, second, third = map(float, shares)
        side = place[0] if unplaced.side_known else None
        return UnsidedFinding(
            unplaced.family,
            place[1],
            side,
            Severity(int(apply(config.rule, shares))),
            (first, second, third),
            config.basis[unplaced.family],
            grounds(mark, crops, cell, unleveled=not unplaced.level_known),
            evidence_of(mark, config.crops.field_mm[mark.series.view or View.SAGITTAL_T2]),
        )

    def _finding(
        self,
        cell: Cell,
        landmarks: Landmarks,
        crops: Crops,
        shares: NDArray[np.float64] | None,
    ) -> Finding:
        config = self.bundle.config
        basis = config.basis.get(cell.condition.family)
        if basis is None:
            return Finding.not_assessed(cell, "the model was not trained for this condition")
        if self.basis is Basis.REAL and basis is not Basis.REAL:
            return Finding.not_assessed(cell, "the model was never tested on patients for it")
        if shares is None:
            return Finding.not_assessed(cell, crops.reasons.get(cell, "it was not located"))
        if not np.isfinite(shares).all():
            return Finding.not_assessed(cell, "the model gave no finite answer for this picture")
        first, second, third = map(float, shares)
        mark = landmarks.points[cell]
        return Finding(
            cell,
            Status.GRADED,
            grounds(mark, crops, cell, middle_known=landmarks.middle_known),
            Severity(int(apply(config.rule, shares))),
            (first, second, third),
            basis,
            evidence_of(mark, config.crops.field_mm[mark.series.view or View.SAGITTAL_T2]),
        )

    def _heat_maps(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        assert self._locator is not None
        with torch.inference_mode():
            maps = self._locator(
                torch.from_numpy(pictures)[:, None].expand(-1, 3, -1, -1).to(self.device)
            )
        return np.asarray(maps.double().cpu().numpy())
