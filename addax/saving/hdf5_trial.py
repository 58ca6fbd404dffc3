"""Program that reads the structures of an HDF5 file: `python hdf5_trial.py FILE`. Its end says what the file is worth.

It imports nothing of addax, so that it starts soon.
"""

import os
import sys
from typing import Any

import h5py

_CPU_SECONDS = 30
_MEMORY = 256 << 20


def read(path: str) -> None:
    """Opens all groups and arrays of a file, and reads their attributes of text and numbers and the places of chunks.

    Args:
        path: The file.
    """

    def visit(name: str, item: Any) -> None:
        for key in item.attrs:
            if h5py.h5a.open(item.id, key.encode()).get_type().get_class() in plain:
                item.attrs[key]
        if isinstance(item, h5py.Dataset):
            item.dtype, item.shape, item.external, item.id.get_storage_size()
            plist = item.id.get_create_plist()
            [plist.get_filter(i) for i in range(plist.get_nfilters())]
            if item.chunks and item.shape and not item.is_virtual:
                [item.id.get_chunk_info(i) for i in range(item.id.get_num_chunks())]

    plain = (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT)
    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)


def limit(path: str) -> None:
    """Limits the time, and the memory to little more than the process has and the file could need.

    Args:
        path: The file.
    """
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        most = now + _MEMORY + 2 * os.path.getsize(path)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    except (ImportError, OSError, ValueError):  # no such limits here: whoever started it limits the time
        pass


if __name__ == "__main__":
    limit(sys.argv[1])
    read(sys.argv[1])
