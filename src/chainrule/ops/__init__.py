"""The operations, in reading order: declarations only.

Importing this package enters every operation into the registry; NumPy's functions find them there.
"""

# ruff: noqa: I001 the order is the order of the layers

from chainrule.ops import guard as guard
from chainrule.ops import structure as structure
from chainrule.ops import flow as flow
from chainrule.ops import whole as whole
from chainrule.ops import brackets as brackets
from chainrule.ops import indexing as indexing
from chainrule.ops import reshaping as reshaping
from chainrule.ops import joining as joining
from chainrule.ops import filling as filling
from chainrule.ops import creation as creation
from chainrule.ops import selecting as selecting
from chainrule.ops import diagonals as diagonals
from chainrule.ops import padding as padding
from chainrule.ops import writing as writing
from chainrule.ops import ordering as ordering
from chainrule.ops import searching as searching
from chainrule.ops import quantiles as quantiles
from chainrule.ops import cumulative as cumulative
from chainrule.ops import arithmetic as arithmetic
from chainrule.ops import comparison as comparison
from chainrule.ops import choice as choice
from chainrule.ops import extremes as extremes
from chainrule.ops import complex_parts as complex_parts
from chainrule.ops import elementwise as elementwise
from chainrule.ops import power as power
from chainrule.ops import trigonometry as trigonometry
from chainrule.ops import remainders as remainders
from chainrule.ops import scipy_rules as scipy_rules
from chainrule.ops import entire as entire
from chainrule.ops import special as special
from chainrule.ops import bessel as bessel
from chainrule.ops import hypergeometric as hypergeometric
from chainrule.ops import transformations as transformations
from chainrule.ops import matrix as matrix
from chainrule.ops import vectors as vectors
from chainrule.ops import einsum as einsum
from chainrule.ops import linalg as linalg
from chainrule.ops import spectra as spectra
from chainrule.ops import decompositions as decompositions
from chainrule.ops import norms as norms
from chainrule.ops import least_squares as least_squares
from chainrule.ops import convolution as convolution
from chainrule.ops import fft as fft
from chainrule.ops import numerics as numerics
from chainrule.ops import polynomials as polynomials
from chainrule.ops import cases as cases
from chainrule.ops import scimath as scimath
from chainrule.ops import averages as averages
from chainrule.ops import covariance as covariance
from chainrule.ops import exponential_sums as exponential_sums
from chainrule.ops import activations as activations
from chainrule.ops import classification as classification
