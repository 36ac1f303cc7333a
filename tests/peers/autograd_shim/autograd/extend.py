"""What autograd's tests import from autograd.extend."""

from .core import defvjp, defvjp_argnum, defvjp_argnums, primitive
from .vspace import vspace

__all__ = ["defvjp", "defvjp_argnum", "defvjp_argnums", "primitive", "vspace"]
