"""Grades a lumbar spine MRI as the RSNA 2024 challenge defined it: 25 findings a study."""
