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
    the number of classes (the last column is the one in use), and `identities`: for each split the SHA-256,
    in hexadecimal, of its first 1,000 images followed by one byte per label of all. An embedded set has none
    of these.
    """

    shape: tuple[int, int, int]
    counts: Mapping[str, int]
    classes: tuple[str, ...]
    folder: str | None = None
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_limits: tuple[int, ...] = ()
    identities: Mapping[str, str] = field(default_factory=dict)


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
        identities={
            "train": "1778fe3de210dbf53940ac07851981e498886108ee2e51e89d798e169c4f2506",
            "test": "93cb7518afbd709b2680da0cf7dab904029de938d6c7ce4921dd0e497a9528aa",
        },
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
        identities={
            "train": "f433e8cf1a6df7a395d2602bede494b172c237e592a89cd6a1a17fc7c13c6b75",
            "test": "656c10b2fe5af35846331c059529d15562963e25e2916052e0f76cfff8914c97",
        },
    ),
    "cifar100": Entry(
        shape=(32, 32, 3),
        counts={"train": 50_000, "test": 10_000},
        classes=CIFAR100_CLASSES,
        folder="cifar-100-binary",
        files={"train": ("train.bin",), "test": ("test.bin",)},
        label_limits=(20, 100),  # superclass, then class
        identities={
            "train": "71a01ff663a9671b628d6248759202990c15de860465dbae392332e8ee646867",
            "test": "421a97d2438d8beba94473284b056c05afe7d2d9d1740e5f6a0f2759745c3584",
        },
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
