import numpy as np
import pandas as pd
import pytest

from compendium import outcomes


def errors(network):
    return pd.DataFrame(
        {"30 %": [network, 0.2, 0.3, 0.1], "60 %": [0.01, 0.2, 0.3, 0.1]}, index=["CAE", *outcomes.TRIVIAL]
    )


@pytest.mark.parametrize(
    ("error", "outcome"), [(0.099, "learnt"), (0.1, "collapsed"), (0.25, "collapsed"), (np.nan, "diverged")]
)
def test_a_network_is_held_to_the_best_of_the_trivial_predictors(error, outcome):
    judged = outcomes.judged(errors(error), ["CAE"])
    assert judged["outcome"].tolist() == [outcome, "learnt"]
    assert judged["predictor"].tolist() == ["mean image"] * 2
    assert judged["limit"].tolist() == [0.1, 0.1]
    assert judged["epoch"].isna().all()


def curve(*losses, level="30 %"):
    epochs = np.arange(1, len(losses) + 1)
    return pd.DataFrame({"epoch": epochs, "loss": losses, "val_loss": losses, "level": level})


@pytest.mark.parametrize(
    ("error", "losses", "since"),
    [
        (0.12, [0.3, 0.09, 0.12, 0.12], 3),
        (0.12, [0.3, 0.2, 0.12], 1),
        (np.nan, [0.3, 0.2, np.nan], 3),
        (np.nan, [np.inf], 1),
        (0.05, [0.3, 0.05], None),
    ],
)
def test_it_is_said_from_which_epoch_on_a_network_had_failed(error, losses, since):
    curves = pd.concat([curve(*losses), curve(0.01, level="60 %")])
    first, second = outcomes.judged(errors(error), ["CAE"], curves=curves)["epoch"]
    assert (None if pd.isna(first) else first) == since
    assert pd.isna(second)


def test_a_loss_that_stopped_being_a_number_is_a_divergence_whatever_the_error_is():
    judged = outcomes.judged(errors(0.05), ["CAE"], curves=curve(0.3, np.nan))
    assert judged["outcome"][0] == "diverged"


def test_other_networks_are_held_to_the_predictors_and_the_quantity_that_are_named():
    table = pd.DataFrame({"5 a class": [0.8, 0.9]}, index=["classifier", "chance"])
    (row,) = outcomes.judged(table, ["classifier"], ["chance"], "error rate").to_dict("records")
    assert (row["outcome"], row["quantity"], row["predictor"]) == ("learnt", "error rate", "chance")
    (row,) = outcomes.judged(table + 0.1, ["chance"], ["classifier"], "error rate").to_dict("records")
    assert outcomes.sentences([row]) == [
        "chance at 5 a class collapsed: error rate 1.0000 (classifier: 0.9000)."
    ]


def test_networks_of_several_seeds_are_said_together():
    row = {"method": "DAE", "level": "noise 0.5", "quantity": "MSE", "predictor": "mean image", "limit": 0.2}
    rows = [
        row | {"seed": 1, "outcome": "collapsed", "epoch": 3, "value": 0.21},
        row | {"seed": 2, "outcome": "collapsed", "epoch": 1, "value": 0.25},
        row | {"seed": 3, "outcome": "learnt", "epoch": None, "value": 0.1},
        row | {"seed": 4, "outcome": "diverged", "epoch": 2, "value": None},
    ]
    assert outcomes.sentences(rows) == [
        "DAE at noise 0.5 with the seeds 1, 2 collapsed from epoch 1 to 3 on: "
        "MSE 0.2100 to 0.2500 (mean image: 0.2000).",
        "DAE at noise 0.5 with the seed 4 diverged from epoch 2 on: "
        "its error or its loss is no longer a number.",
    ]


def test_the_page_has_a_sentence_or_a_box_in_which_names_are_escaped():
    assert "best of that: mean image" in outcomes.box(outcomes.judged(errors(0.05), ["CAE"])).data
    failed = errors(np.nan).rename(columns={"30 %": "<b>30</b>"})
    text = outcomes.box(outcomes.judged(failed, ["CAE"])).data
    assert "admonition" in text
    assert "CAE at &lt;b&gt;30&lt;/b&gt; diverged" in text
    assert "60 %" not in text
