"""ImageOrientationPatient of the three standard planes (PS3.3 C.7.6.2.1.1)."""

from __future__ import annotations

SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
