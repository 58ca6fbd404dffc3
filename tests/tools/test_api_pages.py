"""Pages of the API: each public name has one, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import pytest

import addax

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("api_pages", ROOT / "tools" / "api_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def api(tool):
    return tool.Api()


@pytest.fixture(scope="module")
def pages(api):
    return api.pages()


def test_every_public_name_has_a_page(api, pages):
    for module in ("layers", "ops", "losses", "optimizers", "utils"):
        for name in getattr(addax, module).__all__:
            if f"keras.{module}.{name}" not in api.modules:
                assert api.by_name[f"keras.{module}.{name}"].file in pages
    assert {"api/index.md", "api/layers/index.md", "api/ops/image/index.md"} <= set(pages)
    assert len({file.lower() for file in pages}) == len(pages)  # also where case makes no difference
    assert {api.by_name[f"keras.losses.{n}"].file for n in ("Huber", "huber")} == {
        *("api/losses/Huber.md", "api/losses/huber_function.md")
    }


def test_links_lead_to_pages(pages):
    for file, text in pages.items():
        for target in re.findall(r"\]\(([^)#:]+\.md)\)", text):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(file), target)) in pages, (file, target)


def test_pages_have_what_docstrings_say(pages):
    dense = pages["api/layers/Dense.md"]
    assert dense.startswith(
        "# Dense\n\n[`keras.layers`](../../api/layers/index.md)\n\n```python\nkeras.layers.Dense(\n"
    )
    assert "    units,\n    activation=None,\n" in dense and "- `units`: Number of output features" in dense
    assert "```pycon\n>>> " in dense and "### compute_output_shape" in dense
    silu = pages["api/ops/silu.md"] if "api/ops/silu.md" in pages else pages["api/activations/silu.md"]
    assert "keras.ops.nn.swish" in silu  # its other names
    assert "| [`Dense`](../../api/layers/Dense.md) | Dense (fully connected) layer" in pages["api/layers/index.md"]


def test_sections_and_markup(tool):
    doc = "Does it for x<y.\n\nArgs:\n    a, b: First,\n        continued.\n    *args: More.\n\n"
    doc += "Example:\n\n>>> f(1)\n2\n\nEnd."
    assert tool.markdown(doc).splitlines() == [
        *("Does it for x&lt;y.", "", "", "**Args**", "", "- `a, b`: First,", "    continued.", "- `*args`: More.", ""),
        *("Example:", "", "", "```pycon", ">>> f(1)", "2", "```", "", "", "End."),
    ]


@pytest.mark.slow
def test_the_site_is_built(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    run = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(run, cwd=ROOT, check=True)
    page = (tmp_path / "api" / "layers" / "Dense" / "index.html").read_text()
    assert "Number of output features" in page
    assert not re.search(r'(src|href)="https?://[^"]*\.(js|css|woff2?)', page)  # nothing from other servers
