"""Ends of the road: a graph runs."""

from chainrule.run.executor import Executor as Executor
from chainrule.run.executor import executor as executor
from chainrule.run.interpret import evaluate as evaluate
from chainrule.run.interpret import interpret as interpret
