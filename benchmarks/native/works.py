"""*The table: which works there are, and who does each of them in which form.*"""

from __future__ import annotations

from dataclasses import dataclass

LIBRARIES = {"ours": "chainrule", "numpy": "numpy", "torch": "torch", "jax": "jax", "micrograd": "micrograd"}

TITLES = {
    "ours": "chainrule",
    "ours:scan": "chainrule, in `scan`",
    "ours:objective": "chainrule, objective alone",
    "numpy": "NumPy by hand",
    "numpy:objective": "NumPy, objective alone",
    "numpy:products": "its matrix products alone (NumPy)",
    "numpy:copy": "a copy (NumPy)",
    "numpy:copied": "a copy into a new array (NumPy)",
    "numpy:floor": "tanh alone, in the cache (NumPy), over the threads",
    "torch": "PyTorch eager",
    "torch:modules": "PyTorch modules",
    "torch:objective": "PyTorch, objective alone",
    "torch:copy": "a copy (PyTorch)",
    "jax": "JAX jit",
    "jax:awaited": "JAX jit, each call awaited",
    "jax:scan": "JAX scan",
    "jax:objective": "JAX jit, objective alone",
    "micrograd": "micrograd",
}


@dataclass(frozen=True)
class Work:
    """`contestants` are `library` or `library:form`; a heavy work gets fewer rounds."""

    name: str
    title: str
    contestants: tuple[str, ...]
    heavy: bool = False
    unit: str = "step"


STEPS = ("ours", "ours:scan", "numpy", "numpy:products", "torch", "torch:modules", "jax", "jax:awaited", "jax:scan")
SUMS = ("ours", "numpy", "torch", "jax", "numpy:copy", "numpy:copied", "torch:copy", "numpy:floor")
MIXTURES = tuple(f"{library}{form}" for library in ("ours", "numpy", "torch", "jax") for form in ("", ":objective"))

WORKS: dict[str, Work] = {
    work.name: work
    for work in (
        Work("tiny", "MLP 2–16–1, batch 32", STEPS),
        Work("digits", "MLP 64–128–10, batch 128", STEPS),
        Work("medium", "MLP 784–256–128–10, batch 128", STEPS),
        Work("large", "MLP 1024–4096–1024–10, batch 512", STEPS, heavy=True),
        Work("sum6", "gradient of sum(tanh(x)·x + x²), 10⁶ numbers", SUMS, unit="gradient"),
        Work("sum7", "gradient of sum(tanh(x)·x + x²), 10⁷ numbers", SUMS, heavy=True, unit="gradient"),
        Work("moons", "micrograd's moons step", ("ours", "numpy", "torch", "torch:modules", "jax", "micrograd"), heavy=True),
        Work("gmm3", "ADBench GMM, d = 10, K = 25, 10³ points", MIXTURES, unit="gradient"),
        Work("gmm4", "ADBench GMM, d = 10, K = 25, 10⁴ points", MIXTURES, heavy=True, unit="gradient"),
        Work("logistic", "logistic regression by L-BFGS (SciPy), 10 000 × 50", ("ours", "numpy", "torch", "jax"), unit="fit"),
        Work(
            "lstm",
            "LSTM, 10 steps, batch 16, width 64",
            ("ours", "numpy", "torch", "torch:modules", "jax", "jax:scan"),
            unit="gradient",
        ),
        Work(
            "transformer",
            "2-layer transformer, batch 16, 16 tokens, width 64, 4 heads",
            ("ours", "numpy", "torch", "jax"),
            unit="gradient",
        ),
        Work("overhead", "a call with eight arrays of 4 numbers", ("ours", "numpy", "torch", "jax", "jax:awaited"), unit="call"),
    )
}  # fmt: skip

# Measured in fresh processes (`fresh.py`), since what they measure happens once in a process.
FRESH = {
    "first": "first call of the digits step",
    "chain": "first gradient of a chain of 9,000 elementwise operations",
    "memory": "peak memory of the steps",
    "batches": "20 batch sizes",
}
