"""*The works on which compiled code competes, with every peer in one run.*

`works.py` is the table of works and contestants; each library has a module that builds its contestants and a process of its
own that runs them; `measure.py` gives them their turns, `judge.py` holds the figures against the bounds that were set.
"""
