"""The command line: `chainrule derive` and its sisters."""
