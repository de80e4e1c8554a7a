"""Scores of methods on the same images: measured once, ranked, and compared image by image."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from compendium import statistics
from compendium.leaderboard import measures
from compendium.leaderboard.methods import Method
from compendium.leaderboard.tasks import Problem

DIFFERENCE = "MSE minus that of the best other method"
DEFINITIONS: Mapping[str, str] = {
    **measures.DEFINITIONS,
    DIFFERENCE: "Mean difference of their errors over images, its 95 % interval from low to high, and the p "
    "value of the paired t test with Holm's correction over the levels.",
}


@dataclass(frozen=True)
class Scores:
    """What was measured.

    means: one row per `method`, `level` and `seed`, one column per measure and for the two times. errors: by
    level and method the MSE of each image, mean over the seeds, `(n,)`. examples: by level and method, the
    first restored images of the first seed. worst: likewise those with the largest errors, by their index,
    the largest first. curves: of all trainings, one row per epoch.
    """

    means: pd.DataFrame
    errors: Mapping[str, Mapping[str, np.ndarray]]
    examples: Mapping[str, Mapping[str, np.ndarray]]
    worst: Mapping[str, Mapping[str, Mapping[int, np.ndarray]]]
    curves: pd.DataFrame

    def rows(self) -> pd.DataFrame:
        """Return the means as rows of a record."""
        return self.means.melt(["method", "level", "seed"], var_name="quantity").dropna(subset="value")

    def board(self, level: str) -> pd.DataFrame:
        """Return the methods at a level from the lowest error on: means over the seeds.

        "low" and "high" are the ends of the 95 % interval of the MSE over test images.
        """
        means = self.means.query("level == @level").drop(columns=["level", "seed"]).groupby("method").mean()
        for method, errors in self.errors[level].items():
            means.loc[method, ["low", "high"]] = statistics.mean_interval(errors)[1:]
        return means.sort_values("MSE").rename_axis(None)

    def best_other(self, level: str, method: str) -> str:
        """Return the method with the lowest error at a level, beside the given one."""
        return self.board(level).drop(index=method).index[0]

    def share_of_worst(self, method: str, part: float) -> pd.Series:
        """Return by level which share of a method's whole error the worst `part` of the images holds."""
        shares = {}
        for level, errors in self.errors.items():
            ranked = np.sort(errors[method])[::-1]
            shares[level] = ranked[: max(1, round(part * len(ranked)))].sum() / ranked.sum()
        return pd.Series(shares)

    def compared(self, method: str) -> pd.DataFrame:
        """Compare a method with the best other one at each level: one row per level.

        Columns: "best other", the mean "difference" of their MSE over the images with its 95 % interval from
        "low" to "high", "ahead, % of images", and "p", of the paired t test with Holm's correction. NaN where
        there is one image.
        """
        rows = {}
        for level, errors in self.errors.items():
            other = self.best_other(level, method)
            paired = statistics.paired_comparison(errors[method], errors[other])
            p = stats.ttest_rel(errors[method], errors[other]).pvalue if paired.pairs > 1 else np.nan
            ahead = 100 * paired.first_lower / paired.pairs
            rows[level] = {
                "best other": other,
                **dict(zip(("difference", "low", "high"), paired[:3], strict=True)),
                "ahead, % of images": ahead,
                "p": p,
            }
        table = pd.DataFrame(rows).T
        known = table["p"].notna()
        table.loc[known, "p"] = statistics.holm(table["p"][known].astype(float))
        numbers = ["difference", "low", "high", "ahead, % of images", "p"]
        return table.astype(dict.fromkeys(numbers, float))


def scored(
    problems: Mapping[str, Problem],
    methods: Iterable[Method],
    *,
    seeds: Sequence[int] = (0,),
    examples: int = 8,
) -> Scores:
    """Let methods restore the test images of all levels, and measure them.

    Args:
        problems: by level, as `tasks.problems` gives them.
        methods: with different names. One that is not trained is measured once, whatever the seeds.
        seeds: of the trainings.
        examples: how many restored images are kept for pictures, of the first and of the worst.

    Raises CompendiumError where a method fails.
    """
    means, errors, kept, worst, curves = (
        [],
        {},
        {},
        {},
        [pd.DataFrame(columns=["method", "epoch", "seconds"])],
    )
    for level, problem in problems.items():
        errors[level], kept[level], worst[level] = {}, {}, {}
        for method in methods:
            of_seeds = []
            for seed in seeds if method.trained else [None]:
                restored = method.restore(problem, seed or 0)
                table = measures.of_images(problem, restored.images)
                of_seeds.append(table["MSE"].to_numpy())
                if method.name not in kept[level]:
                    kept[level][method.name] = restored.images[:examples].copy()
                    largest = table["MSE"].nlargest(examples).index
                    worst[level][method.name] = {i: restored.images[i].copy() for i in largest}
                if restored.curve is not None:
                    curves.append(restored.curve)
                means.append(
                    {
                        "method": method.name,
                        "level": level,
                        "seed": seed,
                        **measures.means(table),
                        "milliseconds per image": 1000 * restored.seconds / len(problem.test),
                        "training seconds": restored.training_seconds,
                    }
                )
            errors[level][method.name] = np.mean(of_seeds, axis=0)
    of_all = pd.concat(curves[1:] or curves, ignore_index=True)  # one network for all levels comes with each
    return Scores(pd.DataFrame(means), errors, kept, worst, of_all.drop_duplicates(ignore_index=True))
