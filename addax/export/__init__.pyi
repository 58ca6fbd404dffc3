from .archive import ExportArchive as ExportArchive
from .archive import load as load
from .stablehlo import ExportedModel as ExportedModel
from .stablehlo import load_exported as load_exported

__all__ = ["ExportArchive", "ExportedModel", "load", "load_exported"]
