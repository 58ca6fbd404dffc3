"""California housing: prices of houses in the census of 1990."""

from .sources import Splits, housing

_ROWS = {"large": None, "small": 600}


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int | None = 113
) -> Splits:
    """Loads the California housing data: block groups of the census of 1990, with 8 features each.

    The features are longitude, latitude, median age of the houses, total rooms, total bedrooms, population,
    households and median income.

    Args:
        version: "large" for 20,640 block groups, "small" for 600.
        path: Name of the file in the folder `datasets` of the cache.
        test_split: Fraction of the rows that are test data, in [0, 1).
        seed: Seed of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 features `(n, 8)` and median values of houses in dollars,
        `(n,)`.

    Raises:
        ValueError: `version` is something else, or `test_split` is out of range.
        OSError: The file is not in the cache and could not be fetched.

    Source: http://lib.stat.cmu.edu/datasets/houses.zip.

    >>> (x, y), _ = keras.datasets.california_housing.load_data()  # doctest: +SKIP
    """
    if version not in _ROWS:
        raise ValueError(f"Argument `version` must be one of 'small', 'large'. Received: version={version}")
    return housing(path, "california_housing.npz", test_split, seed, _ROWS[version])
