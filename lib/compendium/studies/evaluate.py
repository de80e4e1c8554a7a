"""One's own denoiser among the book's: what its notebook calls and does not show."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from compendium import plots, results
from compendium.images import as_float
from compendium.leaderboard.scores import DEFINITIONS as DEFINITIONS_OF_SCORES
from compendium.leaderboard.scores import DIFFERENCE, Scores
from compendium.leaderboard.tasks import Problem

DIGITS: Mapping[str, int] = {
    "MSE": 5,
    "low": 5,
    "high": 5,
    "PSNR": 2,
    "SSIM": 3,
    "milliseconds per image": 2,
    "difference": 5,
    "ahead, % of images": 1,
    "p": 3,
}
WORST = 0.005
"""Which part of the images counts as the worst ones."""

SHARE = "share of the error, worst images"
DEFINITIONS: Mapping[str, str] = {
    **DEFINITIONS_OF_SCORES,
    SHARE: f"Share of the whole error that the worst {100 * WORST:g} % of the test images hold.",
}
"""How the numbers of the record are computed."""

LEAST_P = 0.001
"""The lowest p value that is told as it is."""


def board(scores: Scores, yours: str) -> pd.DataFrame:
    """Return all methods at all levels as text, at each from the lowest error on; yours is marked with *."""
    columns = ["MSE", "low", "high", "PSNR", "SSIM", "milliseconds per image"]
    tables = {level: scores.board(level)[columns] for level in scores.errors}
    table = results.rounded(pd.concat(tables), DIGITS)
    return table.rename(index={yours: f"* {yours}"}, level=1).rename_axis([None, None])


def compared(scores: Scores, yours: str) -> pd.DataFrame:
    """Return the comparison of your method with the best other one at each level as text."""
    table = scores.compared(yours)
    numbers = results.rounded(table.drop(columns="best other"), DIGITS)
    numbers["p"] = numbers["p"].mask(table["p"] < LEAST_P, f"< {LEAST_P}")
    return pd.concat([table[["best other"]], numbers], axis=1)


def difference_rows(scores: Scores, yours: str) -> pd.DataFrame:
    """Return the comparison, and the share of the error that the worst images hold, as rows of a record."""
    table = scores.compared(yours).drop(columns="best other").rename_axis("level").reset_index()
    compared = table.melt("level", var_name="method").dropna(subset="value").assign(quantity=DIFFERENCE)
    shares = scores.share_of_worst(yours, WORST).rename_axis("level").rename("value").reset_index()
    return pd.concat([compared, shares.assign(method=yours, quantity=SHARE)], ignore_index=True)


def worst(problems: Mapping[str, Problem], scores: Scores, yours: str, shown: int = 6) -> Figure:
    """Draw the test images with the largest errors of your method, at the first level."""
    level, problem = next(iter(problems.items()))
    restored = dict([*scores.worst[level][yours].items()][:shown])
    rows = {
        "noisy": problem.noisy_test[[*restored]].clip(0, 1),
        yours: np.stack([*restored.values()]),
        "clean": as_float(problem.test[[*restored]]),
    }
    titles = [f"image {index}" for index in restored]
    return plots.image_grid([*rows.values()], row_titles=[*rows], column_titles=titles)


def pictures(problems: Mapping[str, Problem], scores: Scores, yours: str, shown: int = 6) -> Figure:
    """Draw the first test images at the last level: noisy, restored by you and by the best other, clean."""
    level, problem = [*problems.items()][-1]
    other = scores.best_other(level, yours)
    examples = scores.examples[level]
    rows = {
        "noisy": problem.noisy_test[:shown].clip(0, 1),
        yours: examples[yours][:shown],
        other: examples[other][:shown],
        "clean": as_float(problem.test[:shown]),
    }
    return plots.image_grid([*rows.values()], row_titles=[*rows])
