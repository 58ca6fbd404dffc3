"""Boston housing: prices of houses in suburbs of Boston in the 1970s."""

from .sources import Splits, housing


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int | None = 113) -> Splits:
    """Loads the Boston housing data: 506 suburbs with 13 features each.

    One feature was made from the share of Black residents, on the assumption that house prices depend on it; the
    data suit the study of old examples, and `california_housing` everything else.

    Args:
        path: Name of the file in the folder `datasets` of the cache.
        test_split: Fraction of the rows that are test data, in [0, 1).
        seed: Seed of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 features `(n, 13)` and median values of houses in thousands of
        dollars, `(n,)`.

    Raises:
        ValueError: `test_split` is out of range.
        OSError: The file is not in the cache and could not be fetched.

    Source: http://lib.stat.cmu.edu/datasets/boston.

    >>> (x, y), _ = keras.datasets.boston_housing.load_data()  # doctest: +SKIP
    """
    return housing(path, "boston_housing.npz", test_split, seed)
