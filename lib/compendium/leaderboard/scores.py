"""Scores of methods on the same images: measured once, ranked, and compared image by image."""

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from compendium import statistics
from compendium.files import write_atomically
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

    @property
    def trained(self) -> list[str]:
        """The methods that are trained, in their order."""
        return self.means.loc[self.means["seed"].notna(), "method"].unique().tolist()

    def best_untrained(self, level: str) -> str:
        """Return the method with the lowest error at a level among those that are not trained."""
        return self.board(level).drop(index=self.trained, errors="ignore").index[0]

    def joined(self, other: "Scores") -> "Scores":
        """Return the methods of both, with their errors on the images that both restored, the first ones."""
        of_levels = {level: {**self.errors[level], **other.errors[level]} for level in other.errors}
        images = min((len(each) for of_level in of_levels.values() for each in of_level.values()), default=0)
        return replace(
            self,
            means=pd.concat([self.means, other.means]),
            errors={
                level: {name: each[:images] for name, each in of_level.items()}
                for level, of_level in of_levels.items()
            },
        )

    def compared(self, method: str) -> pd.DataFrame:
        """Compare a method with the best other one, as `comparisons` does: one row per level."""
        pairs = [(level, method, self.best_other(level, method)) for level in self.errors]
        table = self.comparisons(pairs).rename(columns={"other": "best other"})
        return table.set_index("level").rename_axis(None).drop(columns="method")

    def comparisons(self, pairs: Iterable[tuple[str, str, str]]) -> pd.DataFrame:
        """Compare two methods on the same images: one row for each `(level, method, other)`.

        Columns: these three, the mean "difference" of their MSE over the images with its 95 % interval from
        "low" to "high", "ahead, % of images", and "p", of the paired t test with Holm's correction over all
        rows. NaN where there is one image.
        """
        rows = []
        for level, method, other in pairs:
            first, second = self.errors[level][method], self.errors[level][other]
            paired = statistics.paired_comparison(first, second)
            rows.append(
                {
                    **{"level": level, "method": method, "other": other},
                    **dict(zip(("difference", "low", "high"), paired[:3], strict=True)),
                    "ahead, % of images": 100 * paired.first_lower / paired.pairs,
                    "p": float(stats.ttest_rel(first, second).pvalue) if paired.pairs > 1 else np.nan,
                }
            )
        table = pd.DataFrame(rows)
        known = table["p"].notna()
        table.loc[known, "p"] = statistics.holm(table["p"][known])
        return table


def scored(
    problems: Mapping[str, Problem],
    methods: Iterable[Method],
    *,
    seeds: Sequence[int] = (0,),
    examples: int = 8,
    more: Mapping[str, Callable[[np.ndarray], np.ndarray]] = MappingProxyType({}),
    folder: Path | None = None,
) -> Scores:
    """Let methods restore the test images of all levels, and measure them.

    Args:
        problems: by level, as `tasks.problems` gives them.
        methods: with different names. One that is not trained is measured once, whatever the seeds.
        seeds: of the trainings.
        examples: how many restored images are kept for pictures, of the first and of the worst.
        more: what else is measured of restored images, by name: a function that returns one number per image.
        folder: where the numbers of each method are kept as soon as they are there, and taken from; of one
            run alone, as their names say nothing of what they rest on.

    Raises CompendiumError where a method fails.
    """
    means, errors, kept, worst = [], {}, {}, {}
    curves = [pd.DataFrame(columns=["method", "epoch", "seconds"])]
    for level, problem in problems.items():
        errors[level], kept[level], worst[level] = {}, {}, {}
        for method in methods:
            of_seeds = []
            for seed in seeds if method.trained else [None]:
                name = re.sub(r"\W+", "-", f"{level} {method.name} {'' if seed is None else seed}").strip("-")
                path = folder and folder / f"{name}.npz"
                found = (
                    _read(path)
                    if path and path.exists()
                    else _measured(problem, method, seed, examples, more)
                )
                if path and not path.exists():
                    _write(path, found)
                of_seeds.append(found.errors)
                if method.name not in kept[level]:
                    kept[level][method.name] = found.examples
                    worst[level][method.name] = dict(
                        zip(found.worst.tolist(), found.worst_examples, strict=True)
                    )
                curves.append(pd.DataFrame(found.curve))
                means.append({"method": method.name, "level": level, "seed": seed, **found.means})
            errors[level][method.name] = np.mean(of_seeds, axis=0)
    of_all = pd.concat([curve for curve in curves if len(curve)] or curves, ignore_index=True)
    # one network for all levels comes with each
    return Scores(pd.DataFrame(means), errors, kept, worst, of_all.drop_duplicates(ignore_index=True))


@dataclass(frozen=True)
class _Measured:
    """What is kept of a method at a level; `worst` are indices, `curve` the rows of a training's."""

    means: Mapping[str, float]
    curve: Sequence[Mapping[str, Any]]
    errors: np.ndarray
    examples: np.ndarray
    worst: np.ndarray
    worst_examples: np.ndarray


def _measured(
    problem: Problem,
    method: Method,
    seed: int | None,
    examples: int,
    more: Mapping[str, Callable[[np.ndarray], np.ndarray]],
) -> _Measured:
    restored = method.restore(problem, seed or 0)
    table = measures.of_images(problem, restored.images)
    table = table.assign(**{name: measure(restored.images) for name, measure in more.items()})
    times = {
        "milliseconds per image": 1000 * restored.seconds / len(problem.test),
        "training seconds": restored.training_seconds,
    }
    largest = table["MSE"].nlargest(examples).index.to_numpy()
    return _Measured(
        means={**measures.means(table), **times},
        curve=[] if restored.curve is None else restored.curve.to_dict("records"),
        errors=table["MSE"].to_numpy(),
        examples=restored.images[:examples].copy(),
        worst=largest,
        worst_examples=restored.images[largest],
    )


def _write(path: Path, found: _Measured) -> None:
    content, text = io.BytesIO(), json.dumps({"means": found.means, "curve": found.curve})
    arrays = {name: getattr(found, name) for name in _ARRAYS}
    np.savez(content, description=np.array(text), **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def _read(path: Path) -> _Measured:
    with np.load(path, allow_pickle=False) as content:
        return _Measured(
            **json.loads(str(content["description"])), **{name: content[name] for name in _ARRAYS}
        )


_ARRAYS = ("errors", "examples", "worst", "worst_examples")
