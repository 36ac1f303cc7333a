"""autograd.scipy on chainrule: SciPy's ufuncs as they are, SciPy's Python functions written in plain NumPy."""
