from .archive import ExportArchive as ExportArchive
from .archive import load as load

__all__ = ["ExportArchive", "load"]
