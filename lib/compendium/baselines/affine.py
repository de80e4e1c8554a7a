"""What an affine map can do: the closed-form references for networks with and without a bottleneck."""

from sklearn.decomposition import PCA

from compendium.images import Images, check_images


def pca_reconstruction(train: Images, test: Images, components: int) -> Images:
    """The clean `test` images after projection on the first principal components of the clean `train` images.

    Both are float images in [0, 1] with equal (h, w) or (h, w, c); the result has the shape of `test`. No
    affine code of `components` numbers reconstructs `train` with a smaller squared error (Eckart and Young,
    Psychometrika 1, 1936); on `test` this is the error of that code on images it has not seen. Values outside
    [0, 1] are clipped, which the linear code itself could not do and which only lowers the error.
    Raises ValueError where shapes differ, or `components` exceeds the number of images or of values in one.
    """
    if check_images(train, "train").shape[1:] != check_images(test, "test").shape[1:]:
        raise ValueError(f"train and test images differ in shape: {train.shape[1:]} and {test.shape[1:]}")
    pca = PCA(components, svd_solver="covariance_eigh").fit(train.reshape(len(train), -1))
    codes = pca.transform(test.reshape(len(test), -1))
    return pca.inverse_transform(codes).reshape(test.shape).clip(0, 1)
