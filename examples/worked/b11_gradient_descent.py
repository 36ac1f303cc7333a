"""Gradient descent on 31 black cherry trees, with all of them in a step, with eight, and with one: it reaches least squares.

벚나무 31그루에 대한 경사 하강법: 한 걸음에 전부를, 여덟 그루를, 한 그루를 써서 최소제곱해에 이른다.
"""

import numpy as np

import chainrule as cr

TITLE = {
    "en": "Gradient descent: full-batch, mini-batch and stochastic",
    "ko": "경사 하강법: 전체 배치, 미니 배치, 확률적",
}
# Girth in inches, height in feet, volume in cubic feet (Ryan, Joiner and Ryan, The Minitab Student Handbook, 1976).
# fmt: off
GIRTH = np.array([
    8.3, 8.6, 8.8, 10.5, 10.7, 10.8, 11.0, 11.0, 11.1, 11.2, 11.3, 11.4, 11.4, 11.7, 12.0, 12.9, 12.9, 13.3, 13.7, 13.8,
    14.0, 14.2, 14.5, 16.0, 16.3, 17.3, 17.5, 17.9, 18.0, 18.0, 20.6,
])
HEIGHT = np.array([
    70.0, 65.0, 63.0, 72.0, 81.0, 83.0, 66.0, 75.0, 80.0, 75.0, 79.0, 76.0, 76.0, 69.0, 75.0, 74.0, 85.0, 86.0, 71.0,
    64.0, 78.0, 80.0, 74.0, 72.0, 77.0, 81.0, 82.0, 80.0, 80.0, 80.0, 87.0,
])
VOLUME = np.array([
    10.3, 10.3, 10.2, 16.4, 18.8, 19.7, 15.6, 18.2, 22.6, 19.9, 24.2, 21.0, 21.4, 21.3, 19.1, 22.2, 33.8, 27.4, 25.7,
    24.9, 34.5, 31.7, 36.3, 38.3, 42.6, 55.4, 55.7, 58.3, 51.5, 51.0, 77.0,
])
# fmt: on
X1, X2 = (GIRTH - GIRTH.mean()) / GIRTH.std(), (HEIGHT - HEIGHT.mean()) / HEIGHT.std()
LINE, PLANE = np.stack([np.ones(31), X1], axis=1), np.stack([np.ones(31), X1, X2], axis=1)
POINT = {"theta": np.zeros(3), "X": PLANE, "y": VOLUME}
WRT = ("theta",)
OPTIONS = {"lr": 0.1}


def gradient_descent(theta, X, y):
    yhat = X @ theta
    J = np.mean((y - yhat) ** 2)
    return J


def descend(X, y, batch_size, epochs, lr, decay, seed=0):
    """theta after so many visits of every sample, in batches of this size; the step shrinks as lr / (1 + decay·epoch)."""
    shuffle = np.random.default_rng(seed).permutation
    theta = np.zeros(X.shape[1])
    for epoch in range(epochs):
        order = shuffle(len(y))
        for start in range(0, len(y), batch_size):
            batch = order[start : start + batch_size]
            theta = theta - lr / (1 + decay * epoch) * cr.grad(gradient_descent)(theta, X[batch], y[batch])
    return theta


RUNS = {
    "full-batch": {"batch_size": 31, "epochs": 200, "lr": 0.3, "decay": 0.0},
    "mini-batch": {"batch_size": 8, "epochs": 300, "lr": 0.1, "decay": 0.3},
    "stochastic": {"batch_size": 1, "epochs": 300, "lr": 0.03, "decay": 0.5},
}

if __name__ == "__main__":
    print(cr.derive(gradient_descent, *POINT.values(), wrt=WRT, **OPTIONS).text())
    for X in (LINE, PLANE):
        print(f"{'least squares':14}", np.linalg.lstsq(X, VOLUME, rcond=None)[0])
        for name, settings in RUNS.items():
            print(f"{name:14}", descend(X, VOLUME, **settings))
