"""Fuzzing of the whole command line: `python -m tests.fuzz --seconds 60 --seed 1`."""
