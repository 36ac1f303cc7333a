"""From operators on functions of one argument to operators on functions of many."""

from builtins import isinstance, tuple


def get_name(function):
    return getattr(function, "__name__", "[unknown name]")


def unary_to_nary(unary_operator):
    """`operator(f, x)` becomes `operator(f, argnum)(*args, **kwargs)`; several argnums make x a tuple."""

    def nary_operator(fun, argnum=0, *operator_args, **operator_kwargs):
        single = isinstance(argnum, int)

        def nary(*args, **kwargs):
            def unary(x):
                replaced = {argnum: x} if single else dict(zip(argnum, x))
                return fun(*(replaced.get(position, arg) for position, arg in enumerate(args)), **kwargs)

            unary.__name__ = get_name(fun)
            x = args[argnum] if single else tuple(args[position] for position in argnum)
            return unary_operator(unary, x, *operator_args, **operator_kwargs)

        name = f"{get_name(unary_operator)}_of_{get_name(fun)}_wrt_argnum_{argnum}"
        nary.__name__ = name
        nary.__doc__ = (
            f"    {get_name(unary_operator)} of function {get_name(fun)} with respect to argument number {argnum}."
        )
        return nary

    nary_operator.__name__ = get_name(unary_operator)
    nary_operator.__doc__ = unary_operator.__doc__
    return nary_operator
