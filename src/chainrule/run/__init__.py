"""Ends of the road: a graph runs."""

from chainrule.run.executor import builder as builder
from chainrule.run.interpret import evaluate as evaluate
from chainrule.run.interpret import interpret as interpret
from chainrule.run.runnable import Runnable as Runnable
