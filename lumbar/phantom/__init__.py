"""Synthetic lumbar studies in the exact layout of the RSNA challenge."""
