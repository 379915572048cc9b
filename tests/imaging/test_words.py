"""What series are called on scanners of seven languages and four vendors."""

from __future__ import annotations

import pytest

from lumbar.imaging.words import (
    Contrast,
    Orientation,
    contrast_in,
    dixon_part_in,
    is_echo_planar,
    is_enhanced,
    is_fat_suppressed,
    orientation_in,
    purpose_in,
)

SAG, COR, AX = Orientation.SAGITTAL, Orientation.CORONAL, Orientation.AXIAL
T1, T2, STIR = Contrast.T1, Contrast.T2, Contrast.STIR
DENSITY, GRADIENT = Contrast.PROTON_DENSITY, Contrast.GRADIENT_ECHO


@pytest.mark.parametrize(
    ("words", "orientation", "contrast"),
    [
        ("t2_tse_sag", SAG, T2),
        ("SAG T2 FRFSE", SAG, T2),
        ("T2W_TSE", None, T2),
        ("t1_tse_sag_384", SAG, T1),
        ("SAGT1", SAG, T1),
        ("T1SAG", SAG, T1),
        ("AXT2", AX, T2),
        ("sT2W_TSE SENSE", None, T2),
        ("t1_tse_sag_pat2", SAG, T1),
        ("t2_tse_tra_p2_320", AX, T2),
        ("SAG T2 P2 SET 1", SAG, T2),
        ("Sagittale T2 pesata", SAG, T2),
        ("Sagital T1 columna lumbar", SAG, T1),
        ("T2 sagittaal LWK", SAG, T2),
        ("Séquence sagittale T1", SAG, T1),
        ("Transversal T2 L3-S1", AX, T2),
        ("T2 transversaal", AX, T2),
        ("Assiale T2", AX, T2),
        ("AXIAL T2 OBL", AX, T2),
        ("axiale T2", AX, T2),
        ("Ax. T2 FSE", AX, T2),
        ("T2 kor", COR, T2),
        ("Coronal T2 STIR", COR, STIR),
        ("frontale T1", COR, T1),
        ("parasag T1", SAG, T1),
        ("TIRM sag", SAG, STIR),
        ("t1_tirm_sag_dark-fluid", SAG, T1),
        ("STIR_longTE SAG", SAG, STIR),
        ("T2 STIR SAG", SAG, STIR),
        ("SAG PD FS", SAG, DENSITY),
        ("densité de protons sag", SAG, DENSITY),
        ("AX T2* GRE", AX, GRADIENT),
        ("t2_me2d_tra", AX, GRADIENT),
        ("t2_fl2d_tra", AX, GRADIENT),
        ("AX T2 STAR MERGE", AX, GRADIENT),
        ("T1 and T2", None, None),
        ("T12-L1 T2 sag", SAG, T2),
        ("max relax", None, None),
        ("sag ax cor", None, None),
        ("", None, None),
    ],
)
def test_names_of_series_say_plane_and_contrast(words, orientation, contrast) -> None:
    assert (orientation_in(words), contrast_in(words)) == (orientation, contrast)


@pytest.mark.parametrize(
    "words",
    [
        *("localizer", "LOC", "3-PL LOC", "3 plane loc", "Scout", "AAHScout", "survey"),
        *("localizador", "Repérage", "Lokalisator", "localizzatore", "Übersicht", "pilot"),
        *("T2 SAG MPR", "ADC (10^-6 mm²/s)", "ep2d_diff_b800", "Myelo", "SUB T1", "MIP sag"),
        *("T2 map", "CAL BH", "SAG T2 CERVICAL", "T2 HWS sag", "columna dorsal", "genou T1"),
    ],
)
def test_localizers_maps_and_other_parts_are_named_as_what_they_are(words) -> None:
    assert purpose_in(words)


@pytest.mark.parametrize(
    "words",
    [
        *("SAG T2 L SPINE", "T2 sag LWS", "SAG T2 FLOW COMP", "t2_tse_sag_rep", "Sag T1 repeat"),
        *("SAG T2 whole spine thoracic lumbar", "T2 TSE SAG LOCK", "SAG T2 SPINE"),
        *("AX T2 FSE ASSET", "SAG T2 THORACOLUMBAR", "T2 sag HEAD FIRST", "DR TRACEY T2 SAG"),
    ],
)
def test_plain_series_of_the_lumbar_spine_are_kept(words) -> None:
    assert purpose_in(words) == ""


@pytest.mark.parametrize(
    ("words", "enhanced"),
    [
        *((w, True) for w in ("SAG T1 +C", "T1 sag KM", "T1 SAG POST", "t1 C+", "T1 gado sag")),
        *((w, True) for w in ("T1 con contraste", "T1 avec injection", "T1 mdc", "SAG T1 POST GD")),
        *((w, False) for w in ("SAG T1", "T1 ohne KM", "SAG T1 PRE CONTRAST", "T1 sin contraste")),
        *((w, False) for w in ("T1 non contrast", "SAG T1 POST OP", "T1 nativ", "T1 w/o contrast")),
    ],
)
def test_a_contrast_agent_is_told_from_its_absence(words, enhanced) -> None:
    assert is_enhanced(words) is enhanced


@pytest.mark.parametrize(
    ("words", "dark"),
    [
        *((w, True) for w in ("SAG T2 FS", "t2_tse_fs_sag", "T2 FATSAT", "T1 fat sat", "T2 SPAIR")),
        *((w, True) for w in ("T2 SPIR", "T1FS", "T2 sat grasa", "T1 sag Dixon_W")),
        *((w, True) for w in ("SAG T1 F/S", "T1 FSAT SAG", "t1_tse_dixon_sag_W", "T1W mDIXON-W")),
        *((w, False) for w in ("SAG T2", "SAG T2 FSE", "SAG T2 FRFSE-XL", "T2 sag Dixon in")),
    ],
)
def test_suppressed_fat_is_told_from_a_fast_spin_echo(words, dark) -> None:
    assert is_fat_suppressed(words) is dark


@pytest.mark.parametrize(
    ("words", "part"),
    [
        *((w, "water") for w in ("t1_tse_dixon_sag_W", "T1W mDIXON-W", "WATER: Sag T1 FLEX")),
        *((w, "fat") for w in ("t2_tse_dixon_sag_F", "FAT: Sag T2 IDEAL")),
        *((w, "opposed phase") for w in ("t2_tse_dixon_sag_opp", "OutPhase: Sag T2 FLEX")),
        *((w, "") for w in ("t2_tse_dixon_sag_in", "InPhase: Sag T2 FLEX", "T1-W mDIXON sag")),
        *((w, "") for w in ("SAG T2 FAT SAT", "sat fat sag T2", "T2 dixon post op", "SAG T1 W")),
    ],
)
def test_what_a_dixon_sequence_makes_is_told_apart(words, part) -> None:
    assert dixon_part_in(words) == part


@pytest.mark.parametrize(
    ("name", "planar"),
    [("*ep_b800t", True), ("ep2d_diff_3scan", True), ("EPI SE", True)]
    + [(w, False) for w in ("*tse2d1_15", "fse-xl", "*spc_314ns", "step", "TSE SE")],
)
def test_echo_planar_sequences_are_known_by_their_name(name, planar) -> None:
    assert is_echo_planar(name) is planar
