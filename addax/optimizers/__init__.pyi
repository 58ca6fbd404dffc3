from . import legacy as legacy
from . import schedules as schedules
from .adafactor import Adafactor as Adafactor
from .adagrad import Adadelta as Adadelta
from .adagrad import Adagrad as Adagrad
from .adam import Adam as Adam
from .adam import Adamax as Adamax
from .adam import AdamW as AdamW
from .adam import Lamb as Lamb
from .adam import Nadam as Nadam
from .base import Optimizer as Optimizer
from .ftrl import Ftrl as Ftrl
from .identifiers import deserialize as deserialize
from .identifiers import get as get
from .identifiers import serialize as serialize
from .lion import Lion as Lion
from .loss_scale import LossScaleOptimizer as LossScaleOptimizer
from .multi import MultiOptimizer as MultiOptimizer
from .multi import OptimizerMap as OptimizerMap
from .muon import Muon as Muon
from .optax_optimizer import OptaxOptimizer as OptaxOptimizer
from .rmsprop import RMSprop as RMSprop
from .schedule_free import ScheduleFreeAdamW as ScheduleFreeAdamW
from .sgd import SGD as SGD

__all__ = [
    "ScheduleFreeAdamW",
    "MultiOptimizer",
    "OptimizerMap",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "RMSprop",
    "SGD",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]
