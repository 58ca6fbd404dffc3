"""Amortized posterior estimation of a Gaussian's mean and scale."""

import bayesflow as bf
import numpy as np


def prior():
    return {"mu": np.random.normal(), "sigma": np.abs(np.random.normal()) + 0.5}


def likelihood(mu, sigma):
    return {"x": np.random.normal(mu, sigma, size=10)}


simulator = bf.make_simulator([prior, likelihood])
adapter = (
    bf.Adapter()
    .as_set("x")
    .convert_dtype("float64", "float32")
    .concatenate(["mu", "sigma"], into="inference_variables")
    .rename("x", "summary_variables")
)
workflow = bf.BasicWorkflow(
    simulator=simulator,
    adapter=adapter,
    inference_network=bf.networks.CouplingFlow(depth=2, subnet_kwargs={"widths": (16,)}),
    summary_network=bf.networks.DeepSet(summary_dim=4, depth=1),
)
history = workflow.fit_online(epochs=2, num_batches_per_epoch=8, batch_size=16, verbose=0)
assert np.isfinite(history.history["loss"]).all() and len(history.history["loss"]) == 2
posterior = workflow.sample(num_samples=20, conditions=simulator.sample(3))
assert posterior["mu"].shape == (3, 20, 1)
