import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ortho_group

from compendium import latent, training
from compendium.models import vae

coordinates = st.floats(-100, 100).map(lambda x: round(x, 3))
clouds = st.tuples(st.integers(1, 40), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=coordinates)
)
shares = st.floats(0, 1)
centres = st.sampled_from(["mean", "median"])


@given(clouds, shares, centres)
def test_the_radius_is_numpys_percentile_of_the_distances(points, share, centre):
    sphere = latent.enclosing_sphere(points, share, centre=centre)
    distances = np.linalg.norm(points - getattr(np, centre)(points, axis=0), axis=1)
    np.testing.assert_allclose(sphere.distances(points), distances, rtol=1e-9, atol=1e-9)
    assert sphere.radius == pytest.approx(np.percentile(distances, 100 * share), rel=1e-9, abs=1e-9)


@given(st.integers(3, 40), shares, st.integers(0, 1000))
def test_it_holds_the_nearest_points_and_as_many_as_documented(number, share, seed):
    points = np.random.default_rng(seed).normal(size=(number, 3))
    sphere = latent.enclosing_sphere(points, share)
    inside, distances = sphere.holds(points), sphere.distances(points)
    least = int(np.floor(share * (number - 1) + 1e-9)) + 1
    # equal shares of floating-point numbers may fall to either side of a point
    assert inside.sum() in {least, int(np.floor(share * (number - 1) - 1e-9)) + 1}
    assert distances[inside].max(initial=0) <= distances[~inside].min(initial=np.inf)


@pytest.mark.parametrize(("number", "held"), [(5, 4), (10, 9), (20, 19), (100, 95)])
def test_of_the_papers_numbers_of_images_it_holds_these(number, held):
    points = np.random.default_rng(0).normal(size=(number, 100))
    assert latent.enclosing_sphere(points, 0.95).holds(points).sum() == held


@given(clouds, st.integers(0, 1000))
def test_it_moves_and_turns_with_the_points(points, seed):
    rng = np.random.default_rng(seed)
    turn = ortho_group.rvs(points.shape[1], random_state=rng)
    offset = rng.normal(size=points.shape[1])
    before = latent.enclosing_sphere(points, 0.8)
    after = latent.enclosing_sphere(points @ turn + offset, 0.8)
    np.testing.assert_allclose(after.centre, before.centre @ turn + offset, atol=1e-8)
    assert after.radius == pytest.approx(before.radius, abs=1e-8)


def test_metric_and_centre_change_the_sphere():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    by_mean = latent.enclosing_sphere(points, 1)
    by_median = latent.enclosing_sphere(points, 1, centre="median")
    np.testing.assert_allclose(by_mean.centre, [2.5, 2.5])
    np.testing.assert_allclose(by_median.centre, [0.5, 0.5])
    by_blocks = latent.enclosing_sphere(points, 1, metric="cityblock")
    assert (by_mean.radius, by_blocks.radius) == pytest.approx((6.5 * 2**0.5, 13))
    assert by_blocks.holds(np.array([[2.5, 15.0]])) == [
        True
    ]  # within 13 blocks, not within 9.2 as the crow flies
    assert by_mean.holds(np.array([[2.5, 15.0]])) == [False]


def test_a_single_point_is_its_own_sphere():
    sphere = latent.enclosing_sphere(np.ones((1, 4)))
    assert sphere.radius == 0
    assert sphere.holds(np.ones((1, 4))).all()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"points": np.zeros((0, 3))}, "points"),
        ({"points": np.zeros(3)}, "points"),
        ({"points": np.zeros((2, 3)), "share": 95}, "share"),
        ({"points": np.zeros((2, 3)), "centre": "middle"}, "centre"),
    ],
)
def test_what_makes_no_sphere_is_refused(arguments, fault):
    with pytest.raises(ValueError, match=fault):
        latent.enclosing_sphere(**arguments)


@pytest.fixture(scope="module")
def small_vae():
    training.set_seed(0)
    return vae((8, 8, 1), filters=(4, 8), dense=16, latent=50)


IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)


def test_a_point_is_the_posterior_mean_or_a_draw(small_vae):
    encoder = small_vae.get_layer("encoder")
    encoder.get_layer("z_log_var").bias.assign(np.full(50, 2 * np.log(0.1)))
    z_mean, z_log_var, _ = map(keras.ops.convert_to_numpy, encoder(IMAGES / np.float32(255)))
    points = latent.encode(small_vae, IMAGES)
    assert points.dtype == np.float64
    np.testing.assert_allclose(points, z_mean, atol=1e-6)
    drawn = latent.encode(small_vae, IMAGES, sample_seed=3)
    np.testing.assert_array_equal(drawn, latent.encode(small_vae, IMAGES, sample_seed=3))
    assert ((drawn - z_mean) / np.exp(z_log_var / 2)).std() == pytest.approx(1, abs=0.05)
    assert (latent.encode(small_vae, IMAGES, sample_seed=4) != drawn).all()
