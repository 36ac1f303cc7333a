"""Power transformations of statistics and elementary functions of `scipy.special`, declared as in `special`."""

from __future__ import annotations

import math
from typing import Any

from chainrule.ops.elementwise import exp, log, log1p
from chainrule.ops.hypergeometric import hyp1f1
from chainrule.ops.power import power
from chainrule.ops.scipy_rules import special
from chainrule.ops.trigonometry import sin

# -- powers and exponentials -------------------------------------------------------------------------------------------

exp10 = special("exp10", lambda g, y, x: g * (math.log(10) * y), symbol="10^", complex_input=False)
exp2 = special("exp2", lambda g, y, x: g * (math.log(2) * y), symbol="2^", complex_input=False)
expm1 = special("expm1", lambda g, y, x: g * exp(x))
log1p_special = special("log1p", lambda g, y, x: g / (1 + x), domain=(-0.7, 2.0))
cbrt = special("cbrt", lambda g, y, x: g / (3 * (y * y)), symbol=r"\sqrt[3]", domain=(0.2, 2.0), complex_input=False)
cosm1 = special("cosm1", lambda g, y, x: -(g * sin(x)), complex_input=False)
powm1 = special(
    "powm1",
    lambda g, r, x, y: g * (y * power(x, y - 1)),
    lambda g, r, x, y: g * (power(x, y) * log(x)),
    domain=((0.3, 2.0), (-2.0, 2.0)),
    complex_input=False,
)
round_special = special("round", symbol=r"\operatorname{round}", domain=(0.6, 1.4), complex_input=False)


def _exprel_prime(x: Any) -> Any:
    return 0.5 * hyp1f1(2, 3, x)


boxcox = special(
    "boxcox",
    lambda g, y, x, power_: g * power(x, power_ - 1),
    lambda g, y, x, power_: g * (log(x) * log(x) * _exprel_prime(power_ * log(x))),
    domain=((0.3, 2.0), (-1.0, 2.0)),
    complex_input=False,
)
boxcox1p = special(
    "boxcox1p",
    lambda g, y, x, power_: g * power(1 + x, power_ - 1),
    lambda g, y, x, power_: g * (log1p(x) * log1p(x) * _exprel_prime(power_ * log1p(x))),
    domain=((-0.6, 2.0), (-1.0, 2.0)),
    complex_input=False,
)
inv_boxcox = special(
    "inv_boxcox",
    lambda g, x, y, power_: g * power(x, 1 - power_),
    lambda g, x, y, power_: -(g * (log(x) * log(x) * _exprel_prime(power_ * log(x)) * power(x, 1 - power_))),
    domain=((-0.3, 1.0), (0.3, 1.5)),
    complex_input=False,
)
inv_boxcox1p = special(
    "inv_boxcox1p",
    lambda g, x, y, power_: g * power(1 + x, 1 - power_),
    lambda g, x, y, power_: -(g * (log1p(x) * log1p(x) * _exprel_prime(power_ * log1p(x)) * power(1 + x, 1 - power_))),
    domain=((-0.3, 1.0), (0.3, 1.5)),
    complex_input=False,
)

# -- angles in degrees -------------------------------------------------------------------------------------------------

DEGREE = math.pi / 180
sindg = special("sindg", lambda g, y, x: g * (DEGREE * cosdg(x)), complex_input=False)
cosdg = special("cosdg", lambda g, y, x: g * (-DEGREE * sindg(x)), complex_input=False)
tandg = special("tandg", lambda g, y, x: g * (DEGREE * (1 + y * y)), complex_input=False)
cotdg = special("cotdg", lambda g, y, x: g * (-DEGREE * (1 + y * y)), domain=(30.0, 60.0), complex_input=False)
