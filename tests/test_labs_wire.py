"""The wire between a submission and its checks: values as they went, and nothing but values."""

import json
import threading
from contextlib import suppress
from multiprocessing import Pipe

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compendium.labs.wire import MOST_TEXT, Peer, WireError


class Wire:
    """A peer, and one in a thread that serves functions to it."""

    def __init__(self, *functions):
        ours, theirs = Pipe()
        self.peer, self.server = Peer(ours), Peer(theirs, functions)
        self.thread = threading.Thread(target=self.server.serve)
        self.thread.start()

    def __enter__(self):
        return self.peer

    def __exit__(self, *_):
        self.peer.break_off("the test is over")
        self.thread.join(10)


numbers = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(), st.just(...)
)
some_arrays = arrays.arrays(
    st.sampled_from([np.uint8, np.float32, np.float64, np.int64, np.bool_, np.complex128, "<U3", ">f4"]),
    arrays.array_shapes(min_dims=0, min_side=0),
)
values = st.recursive(
    st.one_of(numbers, some_arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.tuples(st.integers())), inner, max_size=4),
    ),
    max_leaves=8,
)


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other or one != one


@pytest.fixture(scope="module")
def echo():
    with Wire(lambda value: value) as peer:
        yield peer.remote(0)


@settings(max_examples=60)
@given(values)
def test_values_come_back_as_they_went(echo, value):
    assert same(echo(value), value)


def test_functions_go_both_ways_and_stay_themselves():
    mine = []

    def apply(function, value):
        return function(value)

    with Wire(apply, lambda: apply, lambda function: function is apply) as peer:
        assert peer.remote(0)(lambda value: mine.append(value) or value + 1, 2) == 3
        assert mine == [2]
        assert peer.remote(2)(peer.remote(1)())


def test_changes_in_place_are_seen():
    def spoil(image, generator, scale=1):
        image *= scale
        return generator.random()

    image, generator = np.ones((2, 3)), np.random.default_rng(4)
    with Wire(spoil) as peer:
        expected = np.random.default_rng(4)
        assert peer.remote(0)(image, generator, scale=3) == expected.random()
        assert (image == 3).all()
        assert generator.random() == expected.random()
        image.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            peer.remote(0)(image, generator)


def test_errors_are_pythons_own_or_runtime_errors():
    class Own(Exception):
        pass

    def fail(kind):
        raise {"value": ValueError, "own": Own, "stub": NotImplementedError, "exit": SystemExit}[kind]("so")

    with Wire(fail) as peer:
        for kind, error in {
            "value": ValueError,
            "own": RuntimeError,
            "stub": NotImplementedError,
            "exit": RuntimeError,
        }.items():
            with pytest.raises(error, match="so"):
                peer.remote(0)(kind)
        with pytest.raises(KeyError):
            peer.remote(0)("unheard of")


json_values = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["array", "tuple", "dict", "scalar", "network", "generator", "function", "complex"]
            ),
            inner,
            max_size=1,
        ),
    ),
)


@settings(max_examples=150)
@given(
    st.one_of(json_values.map(lambda value: ("value", value)), st.tuples(st.just("changed"), json_values)),
    st.lists(st.binary(max_size=20), max_size=2),
)
def test_malformed_answers_fail_the_call_and_nothing_else(forged, blobs):
    ours, theirs = Pipe()
    peer = Peer(ours)

    def answer():
        call = json.loads(theirs.recv_bytes())["call"]
        theirs.recv_bytes()
        message = {"answer": call, "changed": [], "value": 1, "arrays": len(blobs), forged[0]: forged[1]}
        for part in (json.dumps(message).encode(), *blobs):
            theirs.send_bytes(part)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        peer.remote(0)(np.zeros(3))
    except (TypeError, WireError):
        pass
    finally:
        thread.join()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[1, 2]",
        b'{"arrays": -1}',
        b'{"arrays": "x"}',
        b'{"arrays": 0}',
        b'{"arrays": 0, "answer": "00"}',
        b'{"arrays": 0, "call": 1, "function": 0, "with": [[], {}]}',
        b"[" * 50000,
        b"x" * (MOST_TEXT + 1),
    ],
)
def test_what_is_no_answer_breaks_the_wire(sent):
    ours, theirs = Pipe()
    peer = Peer(ours)

    def answer():
        theirs.recv_bytes()
        with suppress(OSError):
            theirs.send_bytes(sent)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(WireError, match="the notebook"):
        peer.remote(0)()
    assert peer.broken
    thread.join()
    with pytest.raises(WireError):
        peer.remote(0)()


@pytest.mark.thorough
def test_networks_are_rebuilt_only_of_known_layers():
    import keras

    from compendium import models

    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])
    plain.compile(keras.optimizers.Adam(0.01), loss="mse")
    own_loss = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    own_loss.compile("adam", loss=lambda true, predicted: predicted)
    own_layer = models.vae((8, 8, 1), filters=(2, 4), dense=8, latent=2)
    sly = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x)])

    def train(network, images):
        network.fit(images, np.zeros((8, 3)), verbose=0)

    with Wire(lambda: plain, lambda: own_loss, lambda: sly, train, lambda: own_layer) as peer:
        images = np.random.default_rng(0).random((8, 4))
        network = peer.remote(0)()
        np.testing.assert_allclose(
            network.predict(images, verbose=0), plain.predict(images, verbose=0), rtol=1e-5
        )
        assert float(network.optimizer.learning_rate) == pytest.approx(0.01)
        before = network.get_weights()
        peer.remote(3)(network, images)
        assert not np.array_equal(before[0], network.get_weights()[0])
        assert peer.remote(1)().count_params() == own_loss.count_params()
        assert peer.remote(4)().count_params() == own_layer.count_params()
        with pytest.raises(TypeError, match="layers are Keras's own"):
            peer.remote(2)()
