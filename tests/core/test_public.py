"""Names that are not there: what is said of them."""

import pytest

import addax
from addax.core import public


@pytest.mark.parametrize(
    ("module", "name", "part"),
    [
        (addax.layers, "Dens", "module 'addax.layers' has no attribute 'Dens'. Did you mean 'Dense'?"),
        (addax.layers, "LSTm", "Did you mean 'LSTM'?"),
        (addax, "Sequental", "Did you mean 'Sequential'?"),
        (addax.optimizers, "adamw", "Did you mean 'AdamW'?"),
        (addax.ops.nn, "reluu", "Did you mean 'relu'?"),
        (addax.utils, "to_categoricl", "Did you mean 'to_categorical'?"),
        (addax.losses, "Zzz", "module 'addax.losses' has no attribute 'Zzz'."),
    ],
)
def test_close_names_are_suggested(module, name, part):
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    assert part in str(caught.value) and caught.value.name == name


def test_names_that_keras_alone_has_are_told(monkeypatch, tmp_path):
    listed = tmp_path / "names.txt"
    listed.write_text("layers.Foo\ngone.deep.Bar\n")
    monkeypatch.setattr(public, "MISSING", listed)
    for module, name in ((addax.layers, "Foo"), (addax, "gone")):
        with pytest.raises(AttributeError, match=r"not in addax: see docs/COMPATIBILITY\.md"):
            getattr(module, name)
    assert not hasattr(addax.layers, "Foo")


def test_private_names_are_plainly_missing():
    with pytest.raises(AttributeError, match=r"has no attribute '_dense'\.$"):
        addax.layers._dense  # noqa: B018


def test_from_imports_say_so_too():
    with pytest.raises(ImportError, match="cannot import name 'Dens'"):
        from addax.layers import Dens  # noqa: F401
