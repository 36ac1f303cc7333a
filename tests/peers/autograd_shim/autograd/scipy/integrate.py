"""Ordinary differential equations in plain NumPy, so that the engine differentiates through every step."""

import numpy as np

STEPS = 8


def odeint(func, y0, t, func_args=()):
    """The solution at each time: the classical Runge-Kutta method with a fixed number of steps between the times."""
    y, rows = y0, [y0]
    for index in range(len(t) - 1):
        time, step = t[index], (t[index + 1] - t[index]) / STEPS
        for _ in range(STEPS):
            first = func(y, time, *func_args)
            second = func(y + step / 2 * first, time + step / 2, *func_args)
            third = func(y + step / 2 * second, time + step / 2, *func_args)
            fourth = func(y + step * third, time + step, *func_args)
            y, time = y + step / 6 * (first + 2 * second + 2 * third + fourth), time + step
        rows.append(y)
    return np.stack(rows)
