"""Guards: checks before the first step, on the host, in a small part of an epoch's time.

Each has a switch: `keras.config.set("check_labels", False)`, and likewise `check_shapes`, `check_finite`,
`check_logits` and `check_dtypes`. Certain mistakes raise an error; what may be meant gives a warning. The imports:

    loss_facts, batch_arrays -> dtypes, inputs, tables -> values, labels, logits -> stages        compile_arguments
"""

from .compile_arguments import check_compiled as check_compiled
from .inputs import check_inputs as check_inputs
from .loss_facts import is_of_classes as is_of_classes
from .loss_facts import is_regression as is_regression
from .stages import check_batch as check_batch
from .stages import check_data as check_data
from .stages import check_each as check_each
from .stages import check_on_host as check_on_host
