from .devices import get_device_count as get_device_count
from .devices import list_devices as list_devices
from .distributions import DataParallel as DataParallel
from .distributions import Distribution as Distribution
from .distributions import ModelParallel as ModelParallel
from .distributions import distribution as distribution
from .distributions import set_distribution as set_distribution
from .explaining import explain as explain
from .layout_map import LayoutMap as LayoutMap
from .mesh import DeviceMesh as DeviceMesh
from .mesh import TensorLayout as TensorLayout
from .mesh import distribute_tensor as distribute_tensor
from .planning import plan as plan
from .processes import initialize as initialize
from .sharded import FullySharded as FullySharded
from .sharded import auto as auto

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "FullySharded",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "auto",
    "distribute_tensor",
    "distribution",
    "explain",
    "get_device_count",
    "initialize",
    "list_devices",
    "plan",
    "set_distribution",
]
