"""Checkpoints on disk: what is written is read, and what is damaged in any way is found out, in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import addax as keras
from addax.checkpoints.encoding import decode, encode
from addax.checkpoints.folder import Folder

ROOT = Path(__file__).parents[2]


_opened = []


def opened(path, keep=2):
    folder = Folder(path, keep)
    folder.open()
    _opened.append(folder)
    return folder


@pytest.fixture(autouse=True)
def _close():
    yield
    while _opened:
        _opened.pop().close()


def arrays():
    rng = np.random.default_rng(0)
    return [
        ("small", rng.normal(size=(3, 4)).astype("float32")),
        ("bfloat16", rng.normal(size=(2,)).astype(ml_dtypes.bfloat16)),
        ("large", rng.normal(size=(700, 500)).astype("float32")),
        ("large bfloat16", rng.normal(size=(1100, 700)).astype(ml_dtypes.bfloat16)),
        ("empty", np.zeros((0, 3), "int8")),
        ("scalar", np.array(True)),
    ]


def write(folder, number):
    return folder.write({"number": number}, arrays())


def same(found):
    for array, (name, expected) in zip(found.arrays, arrays(), strict=True):
        assert array.dtype == expected.dtype, name
        np.testing.assert_array_equal(array, expected, err_msg=name)


def test_what_is_written_is_read_and_the_last_are_kept(tmp_path):
    folder = opened(tmp_path / "run", keep=3)
    assert folder.read() is None
    paths = [write(folder, i) for i in range(5)]
    found = folder.read()
    assert found.content == {"number": 4} and found.names == [name for name, _ in arrays()]
    same(found)
    assert folder.names() == paths[:1:-1]
    # A large array is a file that NumPy reads by itself.
    np.testing.assert_array_equal(np.load(paths[-1] / "00002.npy"), arrays()[2][1])


STATES = [
    None,
    [1, -(2**70), 0.1, float("inf"), 5e-324, "ä\ud7ff\0", True],
    {"a": (1, (), [None, {}]), "b": {1: 2, (3, 4): b"\0\xff"}, "__is__": "mine"},
    {"array": np.arange(6, dtype="int16").reshape(2, 3), "one": np.float32(0.1), "zero": np.array(1.5)},
]


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_states(state):
    found = []
    again = decode(json.loads(json.dumps(encode(state, found))), found)
    assert repr(again) == repr(state)


def test_states_are_copied():
    found, mine = [], np.zeros(2)
    encode({"a": mine}, found)
    mine[:] = 1
    assert found[0].tolist() == [0, 0]


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, lambda: 0, np.array([object()])])
def test_states_of_other_types_are_refused(value):
    with pytest.raises(TypeError, match=r"has a value of type .*, which a checkpoint can't have"):
        encode(value, [])


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def edited(path, change):
    index = json.loads((path / "index.json").read_text())
    change(index)
    (path / "index.json").write_text(json.dumps(index))


DAMAGE = {
    "a bit of a large array": (lambda p: flip(p / "00002.npy", -1), "'large' in '00002.npy' has another checksum"),
    "a bit of a small array": (lambda p: flip(p / "small.bin", 5), "'small' in 'small.bin' has another checksum"),
    "a file that ends early": (lambda p: os.truncate(p / "00002.npy", 1000), "has 1000 bytes of"),
    "a file that is missing": (lambda p: (p / "00003.npy").unlink(), "'00003.npy', with .*bfloat16', is missing"),
    "an index that is missing": (lambda p: (p / "index.json").unlink(), "'index.json' is missing"),
    "an index that ends early": (lambda p: os.truncate(p / "index.json", 99), "'index.json' can't be read"),
    "an empty index": (lambda p: os.truncate(p / "index.json", 0), "'index.json' can't be read"),
    "another number": (
        lambda p: edited(p, lambda i: i["content"].update(number=9)),
        "'index.json' has another checksum",
    ),
    "another place": (lambda p: edited(p, lambda i: i["arrays"][2].update(file="../x")), "has another checksum"),
    "nothing right": (lambda p: (p / "index.json").write_text("[1, 2]"), "'index.json' can't be read"),
    "deep text": (lambda p: (p / "index.json").write_text("[" * 100_000), "'index.json' can't be read"),
    "a link": (lambda p: ((p / "small.bin").rename(p / "x"), (p / "small.bin").symlink_to("x")), "is no regular file"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage(what, tmp_path):
    folder = opened(tmp_path / "run")
    write(folder, 0)
    damage, reason = DAMAGE[what]
    damage(write(folder, 1))
    with pytest.warns(UserWarning, match=f"goes back to the one before, checkpoint-00000000.*{reason}"):
        found = folder.read()
    assert found.content == {"number": 0}
    same(found)
    write(folder, 2)  # takes the damaged one's place, not that of the one which is whole
    assert [path.name for path in folder.names()] == ["checkpoint-00000002", "checkpoint-00000000"]
    for path in folder.names():
        damage(path)
    with pytest.raises(ValueError, match=f"No checkpoint in .* can be read.*{reason}"):
        folder.read()


def test_entries_that_claim_too_much_allocate_nothing(tmp_path):
    from addax.checkpoints.arrays import Damaged, read_arrays

    (tmp_path / "a").write_bytes(b"1234")
    entry = {"name": "w", "shape": [1 << 40], "dtype": "float32", "file": "a", "offset": 0, "parts": []}
    with pytest.raises(Damaged, match="has 4 bytes of 4398046511104"):
        read_arrays(tmp_path, [entry])
    with pytest.raises(Damaged, match="the entry of 'w' is wrong"):
        read_arrays(tmp_path, [{**entry, "file": "../a"}])
    with pytest.raises(Damaged, match="has 0 elements of 1"):
        read_arrays(tmp_path, [{**entry, "shape": [1]}])


def test_what_a_killed_process_left_is_removed(tmp_path):
    folder = opened(tmp_path / "run")
    write(folder, 0)
    left = tmp_path / "run" / ".partial-checkpoint-00000001"
    left.mkdir()
    (left / "small.bin").write_bytes(b"half")
    folder.close()
    assert opened(tmp_path / "run").read().content == {"number": 0}
    assert not left.exists()


def test_two_trainings_do_not_share_a_folder(tmp_path):
    first = opened(tmp_path / "run")
    with pytest.raises(RuntimeError, match="Another training uses the checkpoints in"):
        opened(tmp_path / "run")
    first.close()
    opened(tmp_path / "run").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file: pass another path"):
        opened(tmp_path / "file")


def test_removing_leaves_what_others_put_there(tmp_path):
    folder = opened(tmp_path / "run")
    write(folder, 0)
    (tmp_path / "run" / "mine.txt").write_text("")
    folder.remove()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["mine.txt"]


MISTAKES = [
    ({"folder": ""}, "`folder` is empty"),
    ({"folder": 3}, "`folder` must be the path of a folder"),
    ({"every_seconds": -1}, "`every_seconds` must be 0 or more"),
    ({"every_steps": 0}, "`every_steps` must be a positive integer or None"),
    ({"keep": 0}, "`keep` must be a positive integer. Received: keep=0"),
]


@pytest.mark.parametrize("given, match", MISTAKES)
def test_mistakes(given, match):
    with pytest.raises(ValueError, match=match):
        keras.checkpoints.Checkpoints(**({"folder": "run"} | given))


def run(code, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_arrays_that_are_spread_over_devices_are_written_shard_by_shard(tmp_path):
    code = f"""
import json, jax, numpy as np
from pathlib import Path
from addax.checkpoints.folder import Folder
from addax.checkpoints.snapshot import copies
from jax.sharding import NamedSharding, PartitionSpec as P
mesh = jax.make_mesh((4, 2), ("a", "b"))
x = np.random.default_rng(0).normal(size=(800, 500)).astype("float32")
given = [jax.device_put(x, NamedSharding(mesh, spec)) for spec in (P("a", "b"), P(None, "b"), P())]
folder = Folder({str(tmp_path)!r}, 2); folder.open()
kept = copies(given)
[a.delete() for a in given]
path = folder.write({{}}, [(str(i), a) for i, a in enumerate(kept)])
for a in folder.read().arrays: np.testing.assert_array_equal(a, x)
index = json.loads((path / "index.json").read_text())
print([len(entry["parts"]) for entry in index["arrays"]])
"""
    flags = "--xla_force_host_platform_device_count=8"
    assert run(code, XLA_FLAGS=flags).strip() == "[8, 2, 1]"


def test_a_full_disk_leaves_the_one_before(tmp_path):
    code = f"""
import resource, signal, warnings, numpy as np, addax as keras
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model = keras.Sequential([keras.Input((600,)), keras.layers.Dense(600), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(1e-6), "mse")
class Full(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        limit = 1000 if epoch in (1, 2) else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
given = dict(x=np.ones((8, 600)), y=np.ones((8, 1)), verbose=0)
each = keras.checkpoints.Checkpoints({str(tmp_path / "a")!r}, every_seconds=None, every_epoch=True)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    history = model.fit(epochs=6, callbacks=[Full()], resume=each, **given)
assert len(history.epoch) == 6
texts = [str(w.message) for w in said]
assert any("could not be written" in t and "Training goes on, and the last" in t for t in texts), texts
assert model.fit(epochs=6, callbacks=[Full()], resume=each, **given).history == history.history
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    model.fit(epochs=2, resume={str(tmp_path / "b")!r}, **given)
except OSError as error:
    assert "There is none yet to go back to" in str(error), error
    print("refused")
"""
    assert run(code).strip() == "refused"


def sized(*sizes, value=0.0):
    return [(f"a{i}", np.full(size, value + i, "float32")) for i, size in enumerate(sizes)]


def assert_read(folder, expected):
    for found, (name, value) in zip(folder.read().arrays, expected, strict=True):
        np.testing.assert_array_equal(found, value, err_msg=name)


def inodes(path):
    return {file.name: file.stat().st_ino for file in path.iterdir() if file.name != "index.json"}


def test_files_of_outdated_checkpoints_are_written_over(tmp_path):
    folder = opened(tmp_path / "run")
    # Larger, smaller, fewer and more arrays than those that they are written over.
    layouts = [(400_000, 3, 500_000), (400_000, 3, 500_000), (300_000,), (600_000, 5), (270_000, 300_000, 1, 300_000)]
    written = {}
    for number, sizes in enumerate([*layouts, *layouts]):
        expected = sized(*sizes, value=10.0 * number)
        path = folder.write({"number": number}, expected)
        written[number] = inodes(path)
        assert_read(folder, expected)
        assert {p.name for p in path.iterdir()} == {
            "index.json", "small.bin", *(f"{i:05d}.npy" for i, size in enumerate(sizes) if size > 262_144)
        }  # fmt: skip
    assert written[3]["00000.npy"] == written[0]["00000.npy"] and written[3]["small.bin"] == written[0]["small.bin"]
    assert written[2]["small.bin"] not in (written[0]["small.bin"], written[1]["small.bin"])
    assert len(folder.names()) == 2
    folder.close()
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        ".lock",
        "checkpoint-00000008",
        "checkpoint-00000009",
    ]


def test_copies_by_hard_links_are_not_written_over(tmp_path):
    folder = opened(tmp_path / "run")
    first = folder.write({}, sized(300_000, value=1.0))
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in first.iterdir():
        os.link(file, copy / file.name)
    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    for number in range(4):
        folder.write({}, sized(300_000, value=2.0 + number))
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before


def test_a_write_that_fails_over_an_outdated_checkpoint(tmp_path):
    class Broken:
        shape, dtype, ndim, nbytes = (300_000,), np.dtype("float32"), 1, 1_200_000

        def __array__(self, *arguments, **options):
            raise OSError("no space")

    folder = opened(tmp_path / "run")
    for number in range(3):
        folder.write({"number": number}, sized(300_000, 300_000, value=float(number)))
    with pytest.raises(OSError, match="no space"):
        folder.write({"number": 3}, [*sized(300_000), ("broken", Broken())])
    assert folder.read().content == {"number": 2}
    assert_read(folder, sized(300_000, 300_000, value=2.0))
    folder.write({"number": 4}, sized(300_000, value=9.0))
    assert_read(folder, sized(300_000, value=9.0))
