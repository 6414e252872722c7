"""Comparisons of runs, and the curves that they logged.

Nothing is imported here: plotting needs no torch.
"""
