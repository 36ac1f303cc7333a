"""chainrule: plain Python and NumPy in; exact gradients, and the chain rule behind them, out."""

from chainrule import errors as errors
from chainrule import ops as ops
from chainrule.api import elementwise_grad as elementwise_grad
from chainrule.api import grad as grad
from chainrule.api import hessian as hessian
from chainrule.api import hvp as hvp
from chainrule.api import jacobian as jacobian
from chainrule.api import jvp as jvp
from chainrule.api import stop_gradient as stop_gradient
from chainrule.api import trace as trace
from chainrule.api import value_and_grad as value_and_grad
from chainrule.api import vjp as vjp
from chainrule.compile import compile as compile
from chainrule.custom import checkpoint as checkpoint
from chainrule.custom import custom_derivative as custom_derivative
from chainrule.graph import Graph as Graph
from chainrule.ops.activations import elu as elu
from chainrule.ops.activations import gelu as gelu
from chainrule.ops.activations import leaky_relu as leaky_relu
from chainrule.ops.activations import log_sigmoid as log_sigmoid
from chainrule.ops.activations import maxout as maxout
from chainrule.ops.activations import normal_cdf as normal_cdf
from chainrule.ops.activations import relu as relu
from chainrule.ops.activations import selu as selu
from chainrule.ops.activations import silu as silu
from chainrule.ops.activations import softplus as softplus
from chainrule.ops.convolution import convolve as convolve
from chainrule.ops.convolution import correlate as correlate
from chainrule.ops.elementwise import sigmoid as sigmoid
from chainrule.ops.exponential_sums import log_softmax as log_softmax
from chainrule.ops.exponential_sums import logsumexp as logsumexp
from chainrule.ops.exponential_sums import softmax as softmax
from chainrule.ops.indexing import scatter_add as scatter_add
from chainrule.ops.joining import array as array
from chainrule.ops.special import polygamma as polygamma
from chainrule.reading import derive as derive
from chainrule.scan import scan as scan
from chainrule.trace import no_grad as no_grad
from chainrule.variable import variable as variable

__version__ = "0.1.0"
