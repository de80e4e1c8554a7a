"""The five data sets: their names, shapes, classes and files. Facts only; nothing here touches a disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from compendium.errors import unknown

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is read.

    `shape` is (height, width, channels) of one image; `counts` the images of each split. A set kept on disk
    has a `folder`, the `files` of each split in it, and `label_limits`: for each label column of the files,
    the number of classes (the last column is the one in use). An embedded set has none of these.
    """

    shape: tuple[int, int, int]
    counts: Mapping[str, int]
    classes: tuple[str, ...]
    folder: str | None = None
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_limits: tuple[int, ...] = ()


DIGITS = tuple("0123456789")

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())  # noqa: SIM905

CIFAR100_CLASSES = tuple(  # as in fine_label_names.txt of the official archive
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905
)

# Each photograph of "photos": the package that ships it, and the path inside that package.
PHOTOGRAPHS: Mapping[str, tuple[str, str]] = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "hubble_deep_field": ("skimage", "data/hubble_deep_field.jpg"),
    "ihc": ("skimage", "data/ihc.png"),
    "motorcycle_left": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}

CATALOGUE: Mapping[str, Entry] = {
    "mnist": Entry(
        shape=(28, 28, 1),
        counts={"train": 60_000, "test": 10_000},
        classes=DIGITS,
        folder="mnist",
        files={
            "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        },
        label_limits=(10,),
    ),
    "cifar10": Entry(
        shape=(32, 32, 3),
        counts={"train": 50_000, "test": 10_000},
        classes=CIFAR10_CLASSES,
        folder="cifar-10-batches-bin",
        files={
            "train": tuple(f"data_batch_{batch}.bin" for batch in range(1, 6)),
            "test": ("test_batch.bin",),
        },
        label_limits=(10,),
    ),
    "cifar100": Entry(
        shape=(32, 32, 3),
        counts={"train": 50_000, "test": 10_000},
        classes=CIFAR100_CLASSES,
        folder="cifar-100-binary",
        files={"train": ("train.bin",), "test": ("test.bin",)},
        label_limits=(20, 100),  # superclass, then class
    ),
    "digits": Entry(shape=(28, 28, 1), counts={"train": 4_000, "test": 1_000}, classes=DIGITS),
    "photos": Entry(shape=(32, 32, 3), counts={"train": 4_000, "test": 1_000}, classes=tuple(PHOTOGRAPHS)),
}

NAMES = tuple(CATALOGUE)


def check_name(name: str) -> None:
    """Raise UsageError, suggesting the nearest, unless `name` is one of NAMES."""
    _check(name, NAMES, "data set")


def check_split(split: str) -> None:
    """Raise UsageError, suggesting the nearest, unless `split` is one of SPLITS."""
    _check(split, SPLITS, "split")


def _check(value: str, known: tuple[str, ...], kind: str) -> None:
    if value not in known:
        raise unknown(kind, value, known)
