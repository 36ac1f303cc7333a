"""*Claims of speed in, a table with a verdict on each of them out.*

`python -m benchmarks` (or `make bench`) runs the same training steps in chainrule and in its peers, checks first that
all of them compute the same numbers, times them in turns and writes `docs/benchmarks.md`. What is claimed fast is
measured here and nowhere else.
"""
