"""Guards: checks before the first step, on the host, in a small part of an epoch's time.

Each has a switch: `keras.config.set("check_labels", False)`, and likewise `check_shapes`, `check_finite`,
`check_logits` and `check_dtypes`. Certain mistakes raise an error; what may be meant gives a warning. The imports:

    loss_facts, batch_arrays -> dtypes, inputs, tables -> values, labels, logits -> stages        compile_arguments
"""

from .compile_arguments import check_compiled
from .inputs import check_inputs
from .loss_facts import is_of_classes, is_regression
from .stages import check_batch, check_data, check_each, check_on_host

__all__ = [
    "check_batch",
    "check_compiled",
    "check_data",
    "check_each",
    "check_inputs",
    "check_on_host",
    "is_of_classes",
    "is_regression",
]
