"""The work on Ray: index, prepare, train, tune, evaluate, score."""
