from .options import Checkpoints as Checkpoints

__all__ = ["Checkpoints"]
