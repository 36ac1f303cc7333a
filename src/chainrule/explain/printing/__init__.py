"""Printers: boxes and documents become text, Markdown, LaTeX and HTML. None of them knows an operation."""
