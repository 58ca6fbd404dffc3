"""Callbacks that send logs to a server and save checkpoints with Orbax."""

import http.server
import json
import sys
import threading
import urllib.parse

import numpy as np
import pytest

import addax

X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")


def net(k=addax):
    i = k.Input((3,))
    model = k.Model(i, k.layers.Dense(1)(i))
    model.compile("adam", "mse")
    return model


@pytest.fixture
def server():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, dict(self.headers), body))
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()
        thread.join()


def test_logs_are_sent_as_a_form(server):
    root, received = server
    monitor = addax.callbacks.RemoteMonitor(root, headers={"X-Run": "7"})
    history = net().fit(X, Y, epochs=2, verbose=0, callbacks=[monitor]).history
    assert [path for path, _, _ in received] == ["/publish/epoch/end/"] * 2
    assert received[0][1]["X-Run"] == "7"
    sent = [json.loads(urllib.parse.parse_qs(body)["data"][0]) for _, _, body in received]
    assert [logs["epoch"] for logs in sent] == [0, 1]
    np.testing.assert_allclose([logs["loss"] for logs in sent], history["loss"])


def test_logs_are_sent_as_json_and_answers_do_not_matter(server):
    root, received = server
    monitor = addax.callbacks.RemoteMonitor(root, path="/gone", send_as_json=True)
    monitor.on_epoch_end(3, {"loss": np.float32(0.5), "many": np.ones(1)})
    assert received[0][1]["Content-Type"] == "application/json"
    assert json.loads(received[0][2]) == {"epoch": 3, "loss": 0.5, "many": 1.0}


def test_a_server_that_is_not_there_is_a_warning():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        addax.callbacks.RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0, {})


# Orbax


@pytest.mark.filterwarnings("ignore")  # Orbax's own
@pytest.mark.parametrize("background", [True, False], ids=["background", "at once"])
def test_checkpoints_are_read_by_keras(tmp_path, background):
    keras = pytest.importorskip("keras")
    pytest.importorskip("orbax.checkpoint")
    model = net()
    callback = addax.callbacks.OrbaxCheckpoint(tmp_path / "run", max_to_keep=2, save_on_background=background)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[callback])
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.name.isdigit()) == ["1", "2"]
    loaded = keras.models.load_model(str(tmp_path / "run"))
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert int(loaded.optimizer.iterations.value) == 3


@pytest.mark.filterwarnings("ignore")
def test_checkpoints_of_the_best_epochs_and_of_batches(tmp_path):
    pytest.importorskip("orbax.checkpoint")
    best = addax.callbacks.OrbaxCheckpoint(
        tmp_path / "best", "loss", save_best_only=True, initial_value_threshold=0.0, save_on_background=False
    )
    every = addax.callbacks.OrbaxCheckpoint(
        tmp_path / "every", save_freq=2, max_to_keep=None, save_on_background=False, save_weights_only=True
    )
    net().fit(X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[best, every])
    names = {f: sorted(p.name for p in (tmp_path / f).glob("*") if p.name.isdigit()) for f in ("best", "every")}
    assert names == {"best": [], "every": ["2", "4", "6", "8"]}
    assert best.is_primary_host() and not best.is_multihost_enabled()


def test_orbax_must_be_installed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ImportError, match=r"needs Orbax: `pip install addax-keras\[orbax\]`"):
        addax.callbacks.OrbaxCheckpoint(tmp_path)
