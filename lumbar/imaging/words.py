"""What the words in a series' headers say, in the languages and short forms that scanners speak.

English, German, French, Spanish, Italian, Portuguese and Dutch, and what vendors abbreviate
(`t2_tse_sag`, `SAG T2 FRFSE`, `T2W_TSE`). Words only suggest: geometry and times go before them.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

__all__ = [
    "DIXON_PARTS",
    "Contrast",
    "Orientation",
    "contrast_in",
    "dixon_part_in",
    "is_echo_planar",
    "is_enhanced",
    "is_fat_suppressed",
    "orientation_in",
    "plain",
    "purpose_in",
]


class Orientation(StrEnum):
    """Which way a slice cuts the patient."""

    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    AXIAL = "axial"
    OBLIQUE = "oblique"


class Contrast(StrEnum):
    """What makes tissue bright. Only T1, T2 and STIR (fat nulled by inversion) are graded on."""

    T1 = "T1"
    T2 = "T2"
    STIR = "STIR"
    PROTON_DENSITY = "proton density"
    GRADIENT_ECHO = "gradient echo (T2*)"


def plain(words: str) -> str:
    """Lower case without accents, the separators that scanners use made blanks.

    `T2_TSE-Sag./Übersicht` becomes `t2 tse sag ubersicht`; `*` and `+` carry meaning and stay.
    """
    bare = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9*+]+", " ", bare).strip()


_JOINED_BEFORE = r"(?:(?<![a-z])|(?<=tse)|(?<=fse)|(?<=stir)|(?<=tirm))"
_JOINED_AFTER = r"(?:(?![a-z])|(?=t[12]|tse|fse|se\b|stir|tirm|pd|fs\b))"
_PLANES = tuple(
    (orientation, f"{_JOINED_BEFORE}(?:{stem}){_JOINED_AFTER}")
    for orientation, stem in (
        (Orientation.SAGITTAL, r"(?:para)?sag(?:it[a-z]*)?"),
        (Orientation.CORONAL, r"(?:para)?[ck]or(?:on[a-z]*)?|frontal[a-z]*"),
        (
            Orientation.AXIAL,
            r"(?:para)?ax(?:ia[a-z]*|i)?|assial[a-z]*|tra(?:ns(?:v[a-z]*|ax[a-z]*)?)?|trv",
        ),
    )
)


def orientation_in(words: str) -> Orientation | None:
    """The one orientation that the words name, None where they name none or several."""
    found = [orientation for orientation, pattern in _PLANES if re.search(pattern, plain(words))]
    return found[0] if len(found) == 1 else None


_STARTS = (
    r"(?:(?<![a-z0-9])|(?<=sag)|(?<=ax)|(?<=tra)|(?<=cor)|(?<=tse)|(?<=fse)|(?<=[23]d)|(?<=fs))"
)
_STIR = r"stir|\btirm|\bshort (?:tau|ti) inv[a-z]*"
_TIRM = r"\btirm"
_T1 = rf"(?:{_STARTS}t1|\bt 1|\bst1w)(?![0-9])"
_T2 = rf"(?:{_STARTS}t2|\bt 2|\bst2w)(?![0-9*]| ?star| \*)"
_DENSITY = (
    r"\b(?:pdw?|dp|rho|proton dens[a-z]*|densit[a-z]* (?:de |di |em |en )?proton[a-z]*|"
    r"protonendicht[a-z]*|protondens[a-z]*)\b"
)
_GRADIENT = (
    r"t ?2 ?\*|\bt ?2 ?star|\b(?:gre|ge2d|ffe|mffe|m ffe|bffe|b ffe|tfe|t ?2 ffe|medic|me2d|"
    r"me3d|merge|fl[23]d[a-z0-9]*|flash[a-z0-9]*|spgr|fspgr|vibe|lava|thrive|mprage|bravo|dess|"
    r"fiesta[a-z]*|fisp|trufi|ciss[a-z0-9]*|swi|swan)\b"
)


def contrast_in(words: str) -> Contrast | None:
    """The contrast that the words name, None where they name none or contradict themselves.

    T2* and other gradient echoes are told from T2: what is dark and bright on them differs.
    """
    text = plain(words)
    if re.search(_GRADIENT, text):
        return Contrast.GRADIENT_ECHO
    t1, t2, stir = (bool(re.search(pattern, text)) for pattern in (_T1, _T2, _STIR))
    if t1 and (t2 or stir):
        # `t1_tirm` is a vendor's name for T1 FLAIR
        return Contrast.T1 if re.search(_TIRM, text) and not t2 else None
    if t1 or t2 or stir:
        return Contrast.STIR if stir else Contrast.T1 if t1 else Contrast.T2
    return Contrast.PROTON_DENSITY if re.search(_DENSITY, text) else None


_PURPOSES = (
    (
        "localizer by the word",
        (
            r"\b(?:loc|loca|lok|scout|scouts|[a-z]*scout|survey|pilot[a-z]*|topogram[a-z]*|"
            r"locali[sz][a-z]*|lokali[sz][a-z]*|reperage|ubersicht[a-z]*|uebersicht[a-z]*|"
            r"plan ?scan|planung|centratore|centraggio|posizionamento|overzicht|"
            r"(?:3|three|tri) ?(?:plane?s?|pl|plan)(?: loc[a-z]*)?|smartbrain|smart ?exam)\b"
        ),
    ),
    (
        "no plain anatomy:",
        (
            r"\b(?:adc|e?dwi|dti|diff|dif|diffus[a-z]*|difus[a-z]*|trace[wd]?|b ?[0-9]{3,4}|"
            r"ep2d[a-z]*|epi|sub|subtra[a-z]*|sottra[a-z]*|myelo[a-z]*|mielo[a-z]*|mip|minip|mrcp|"
            r"cal|calibration|asset ?cal[a-z]*|screen[a-z]*|report|dose|fat ?frac[a-z]*|mprs?|"
            r"reformat[a-z]*|ricostru[a-z]*|posdisp|position display|perf[a-z]*|spectro[a-z]*|"
            r"csf ?flow|field ?map|shim|phoenix[a-z]*|results?|summary|t[12] ?map[a-z]*)\b"
        ),
    ),
)
_LUMBAR = (
    r"\b(?:[a-z]*lumb[a-z]*|[a-z]*lomb[a-z]*|lws|lwk|lwz|lsp|lspine|l ?s? spine|ls spine|"
    r"lendenw[a-z]*|whole ?spine|total ?spine|ganzwirbel[a-z]*|rachis entier)\b"
)
_ELSEWHERE = (
    r"\b(?:cervic[a-z]*|zervik[a-z]*|c ?spine|hws|halswirbel[a-z]*|nek|thora[a-z]*|tora[a-z]*|"
    r"t spine|tspine|bws|brustwirbel[a-z]*|dorsale?s?|brain|"
    r"head(?! ?first)|kopf|schadel|hirn|cerebr[a-z]*|"
    r"cerveau|cabeza|cerebro|cervello|encefalo|knee|knie|genou|rodilla|ginocchio|joelho|hip|"
    r"hufte|hanche|cadera|anca|quadril|shoulder|schulter|epaule|hombro|spalla|ombro|schouder|"
    r"ankle|wrist|elbow|prostat[a-z]*|liver|breast)\b"
)


def purpose_in(words: str) -> str:
    """Why the words say that a series is of no use, "" where they do not.

    Localizers, maps and projections, and other parts of the body; a series that names the lumbar
    spine beside another part is kept.
    """
    text = plain(words)
    for kind, pattern in _PURPOSES:
        if match := re.search(pattern, text):
            return f"{kind} {match.group()} in its description"
    if match := _elsewhere(text):
        return f"not the lumbar spine: {match.group()} in its description"
    return ""


def elsewhere_in(words: str) -> str:
    """The word that names another part of the body, "" where there is none or the lumbar spine is
    named beside it."""
    match = _elsewhere(plain(words))
    return match.group() if match else ""


def _elsewhere(text: str) -> re.Match[str] | None:
    return None if re.search(_LUMBAR, text) else re.search(_ELSEWHERE, text)


_WITHOUT = (
    r"\b(?:pre|ohne|sans|sin|sem|senza|zonder|without|w o|wo|nativ[a-z]*|before|avant|"
    r"antes|prima|vor|voor|non? ?(?:contrast[a-z]*|gd|gado[a-z]*|km|c))\b"
)
_ENHANCED = (
    r"(?:\+ ?(?:c|ce|gd|km|k|contrast[a-z]*)\b|\bc ?\+|"
    r"\b(?:gd|gado[a-z]*|dotarem|km|post(?! ?op)|ce|mdc|[ck]ontrast[a-z]*|"
    r"inje[ck][a-z]*)\b)"
)


def is_enhanced(words: str) -> bool:
    """Whether the words say that a contrast agent was given before the series."""
    text = plain(words)
    return bool(re.search(_ENHANCED, text)) and not re.search(_WITHOUT, text)


_FAT = (
    r"\b(?:f ?s|fsat|fatsat[a-z]*|fat ?(?:sat[a-z]*|sup[a-z]*)|fettsa[a-z]*|fettunter[a-z]*|"
    r"spir|spair|"
    r"sat ?(?:grasa|gras|fat|gord[a-z]*)|sup[a-z]* (?:grasa|gordura)|sat graisse|"
    r"saturat[a-z]* (?:de )?graisse|vetsup[a-z]*|chess|water|wasser)\b|(?<=t[12])fs\b"
)


def is_fat_suppressed(words: str) -> bool:
    """Whether the words say that fat is dark by saturation (STIR is a contrast of its own)."""
    return bool(re.search(_FAT, plain(words))) or dixon_part_in(words) == "water"


DIXON_PARTS = ("", "water", "opposed phase", "fat")
"""What a Dixon sequence makes of one measurement, the most useful first: in phase it is a plain
picture, its water has the fat suppressed, the others show no anatomy that is graded."""

_DIXON = r"dixon|\bideal\b|\bflex\b"
_LETTER = rf"(?:{_DIXON})\b.*\b"
_DIXON_WORDS = (
    ("opposed phase", rf"\b(?:opp|opposed|out ?phase|out of phase)\b|{_LETTER}(?<!post )op\b"),
    ("fat", rf"\b(?:fat|fett)\b(?! ?(?:sat|sup))|{_LETTER}f\b"),
    ("water", rf"\b(?:water|wasser)\b|{_LETTER}w\b"),
)
"""Vendors write a letter behind their sequence's name, or a word before the series' own."""


def dixon_part_in(words: str) -> str:
    """Which of `DIXON_PARTS` the words name."""
    text = plain(words)
    if not re.search(rf"{_DIXON}|^(?:water|fat|in ?phase|out ?phase)\b", text):
        return ""
    return next((part for part, pattern in _DIXON_WORDS if re.search(pattern, text)), "")


def is_echo_planar(sequence: str) -> bool:
    """Whether a sequence's name is that of echo-planar imaging (`*ep_b800t`, `ep2d_diff`)."""
    return bool(re.search(r"(?<![a-z])ep(?:2d|3d|i)?(?![a-z])", plain(sequence)))
