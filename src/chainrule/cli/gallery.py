"""`chainrule gallery`: all worked examples as a small static site, HTML and Markdown, in both languages."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.cli.functions import CallError
from chainrule.cli.gallery_html import choice_html, equalities, index_html, page_html, plot_words
from chainrule.cli.gallery_markdown import choice_markdown, index_markdown, page_markdown
from chainrule.cli.gallery_pages import Missing, Page, languages, pages_of
from chainrule.cli.gallery_plot import svg_of
from chainrule.cli.gallery_words import word
from chainrule.cli.worked import worked_examples
from chainrule.explain.writing import write_whole


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """The gallery, complete: the text of each file by its path, and what the verdict needs."""

    files: dict[str, str]
    pages: tuple[Page, ...]
    missing: tuple[Missing, ...]

    @property
    def equalities(self) -> tuple[int, int]:
        """How many equalities hold, and how many there are."""
        return equalities(self.pages)


def site_of(worked: ModuleType) -> Site:
    """The whole site; nothing is written. The start page comes last, so that what it links to is there before it."""
    files: dict[str, str] = {}
    everything: list[Page] = []
    missing: tuple[Missing, ...] = ()
    for language in languages():
        pages, left_out = pages_of(worked, language)
        missing = missing or left_out
        everything += pages
        for page, before, after in _with_neighbours(pages):
            place = f"{language}/{page.file}"
            files[f"{place}.html"] = page_html(page, before, after)
            files[f"{place}.md"] = page_markdown(page, before, after)
            if page.plot is not None:
                files[f"{place}.svg"] = svg_of(page.plot, word(language, "plot.description", **plot_words(page)))
        files[f"{language}/index.html"] = index_html(language, pages, left_out)
        files[f"{language}/index.md"] = index_markdown(language, pages, left_out)
    files["index.md"] = choice_markdown()
    files["index.html"] = choice_html()
    return Site(files, tuple(everything), missing)


def _with_neighbours(pages: tuple[Page, ...]) -> Iterator[tuple[Page, Page | None, Page | None]]:
    return zip(pages, (None, *pages[:-1]), (*pages[1:], None), strict=True)


def write_site(site: Site, folder: Path) -> None:
    """Write the files of the site, each whole or not at all; what else is in the folder stays as it is.

    Raises `CallError` where the folder cannot be made or written to.
    """
    try:
        for name, text in site.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
    except (FileExistsError, NotADirectoryError) as error:
        raise CallError(f"{folder} cannot be a folder: {error.filename} is a file. Name another folder.") from None
    except OSError as error:
        raise CallError(f"{folder} cannot be written: {error.strerror or error}. Name a folder of your own.") from None


def add_to(verbs: Any) -> None:
    """Add the verb and its arguments to the parser."""
    verb = verbs.add_parser(
        "gallery",
        help="write the worked examples as a small static site",
        description="Derive all worked examples and write them as a small static site, HTML and Markdown, in English and "
        "Korean. Existing pages of the gallery are replaced, other files stay.",
        allow_abbrev=False,
    )
    verb.add_argument("folder", type=Path, metavar="OUT", help="the folder; it is made where it does not exist")
    verb.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the gallery and say where; 1 where an equality on some page does not hold."""
    started = time.perf_counter()
    folder: Path = arguments.folder
    if folder.exists() and not folder.is_dir():
        raise CallError(f"{folder} is a file. Name a folder for the gallery.")
    site = site_of(worked_examples())
    write_site(site, folder)
    held, total = site.equalities
    print(
        f"{len({page.file for page in site.pages})} worked examples in {len(languages())} languages, "
        f"{held:,} of {total:,} equalities hold ({time.perf_counter() - started:.1f} s)."
    )
    for one in site.missing:
        print(word("en", "missing", title=one.heading, package=one.package))
    wrong = [(page, part) for page in site.pages for part in page.parts if part.wrong]
    for page, part in wrong:
        print(f"{page.language}/{page.file}: {part.held} of {part.total} hold. {part.wrong[0]}", file=sys.stderr)
    print(folder / "index.html")
    return 1 if wrong else 0
