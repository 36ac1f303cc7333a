"""A network with three layers on handwritten digits: trained by mini-batch gradient descent, its derivation in summary.

손글씨 숫자를 읽는 3층 신경망: 미니 배치 경사 하강법으로 학습하며, 유도는 요약해서 보인다.
"""

import itertools

import numpy as np
from sklearn.datasets import load_digits

import chainrule as cr

TITLE = {
    "en": "A three-layer network on handwritten digits",
    "ko": "손글씨 숫자를 읽는 3층 신경망",
}
IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES, ONE_HOT = IMAGES / 16, np.eye(10)[LABELS]
SIZES = (64, 32, 16, 10)


def start(seed=0):
    """The weights before training, each layer scaled by the number of its inputs."""
    normal = np.random.default_rng(seed).normal
    return [normal(0, np.sqrt(2 / m), (m, n)) for m, n in itertools.pairwise(SIZES)]


W1, W2, W3 = start()
POINT = {
    "W1": W1,
    "b1": np.zeros(32),
    "W2": W2,
    "b2": np.zeros(16),
    "W3": W3,
    "b3": np.zeros(10),
    "X": IMAGES[:32],
    "T": ONE_HOT[:32],
}
WRT = ("W1", "b1", "W2", "b2", "W3", "b3")
OPTIONS = {"level": "summary"}


def three_layers(W1, b1, W2, b2, W3, b3, X, T):
    h1 = np.tanh(X @ W1 + b1)
    h2 = cr.relu(h1 @ W2 + b2)
    z = h2 @ W3 + b3
    L = -np.mean(np.sum(T * cr.log_softmax(z, axis=1), axis=1))
    return L


def train(epochs=20, batch_size=32, lr=0.2, seed=0):
    """The weights after mini-batch gradient descent on the first 1,500 images."""
    weights = [POINT[name] for name in WRT]
    gradient = cr.grad(three_layers, WRT)
    shuffle = np.random.default_rng(seed).permutation
    for _ in range(epochs):
        order = shuffle(1500)
        for first in range(0, 1500, batch_size):
            batch = order[first : first + batch_size]
            slopes = gradient(*weights, IMAGES[batch], ONE_HOT[batch])
            weights = [weight - lr * slope for weight, slope in zip(weights, slopes, strict=True)]
    return weights


def accuracy(weights):
    """The share of the other 297 images that the network reads rightly."""
    W1, b1, W2, b2, W3, b3 = weights
    scores = cr.relu(np.tanh(IMAGES[1500:] @ W1 + b1) @ W2 + b2) @ W3 + b3
    return np.mean(scores.argmax(axis=1) == LABELS[1500:])


if __name__ == "__main__":
    print(cr.derive(three_layers, *POINT.values(), wrt=WRT, **OPTIONS).text())
    print(f"It reads {accuracy(train()):.1%} of the images that it has not seen.")
