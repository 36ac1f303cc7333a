"""Pages of the gallery as HTML: one file each, without scripts and without a request to anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from chainrule.cli.gallery_pages import Missing, Page
from chainrule.cli.gallery_plot import svg_of
from chainrule.cli.gallery_words import GROUPS, LANGUAGES, word
from chainrule.explain.document import Block, Document
from chainrule.explain.printing.document_html import print_html
from chainrule.explain.printing.html_style import PAGE_STYLE, STYLE

SITE_STYLE = """\
.chainrule-derivation a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 0.18em; }
.chainrule-derivation a:hover { text-decoration-thickness: 2px; }
.site { font-size: 0.95rem; display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.5rem 1.5rem; }
header.site { margin-bottom: 2.6rem; }
footer.site { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
footer.site .next { text-align: right; margin-left: auto; }
.site .quiet, .quiet { color: var(--quiet); }
.number { display: block; color: var(--quiet); font-size: 1rem; font-weight: 400; letter-spacing: 0.04em; margin-bottom: 0.2rem; }
.chainrule-derivation p.about { font-size: 1.12rem; margin: 0 0 1.6rem; }
pre.numbered span::before {
  content: attr(data-line); display: inline-block; width: 2rem; margin-right: 1.4rem; text-align: right;
  color: var(--quiet); opacity: 0.75;
}
.chainrule-derivation figure { margin: 1.8rem 0; }
.chainrule-derivation figure svg { max-width: 100%; height: auto; display: block; }
.chainrule-derivation ol.examples { list-style: none; margin: 0; padding: 0; }
.chainrule-derivation ol.examples li {
  display: grid; grid-template-columns: 3.2rem 1fr; margin: 0; padding: 0.55rem 0; border-bottom: 1px solid var(--rule);
}
ol.examples .key { color: var(--quiet); font-variant-numeric: tabular-nums; }
ol.examples .quiet { display: block; font-size: 0.94em; }
section[lang] { word-break: keep-all; margin-bottom: 3.5rem; }
section.point { margin-top: 3.2rem; }
section.point > .chainrule-derivation > h2 { border-bottom-width: 2px; }
@media (max-width: 40rem) {
  header.site { margin-bottom: 1.6rem; }
  pre.numbered span::before { width: 1.3rem; margin-right: 0.8rem; }
}
@media print { .site { display: none; } }
"""


def page_html(page: Page, before: Page | None, after: Page | None) -> str:
    """The page of an example, with links to its neighbours, to the list, and to itself in the other language."""
    body = [
        _header(page.language, f"{page.file}.html", f'<a href="index.html">{word(page.language, "all")}</a>'),
        f'<h1><span class="number">{escape(page.number)}</span>{_words(page.title)}</h1>',
        f'<p class="about">{_words(page.about)}</p>',
        f"<h2>{word(page.language, 'program')}</h2>",
        *(_numbered(first, text) for first, text in page.code),
        f'<p class="note">{_words(page.place)} {word(page.language, "call")} <code>{_words(page.call)}</code></p>',
        _blocks(page.at, page.language),
    ]
    if page.plot is not None:
        said = word(page.language, "plot.description", **plot_words(page))
        body += [
            f"<h2>{word(page.language, 'plot')}</h2>",
            f'<figure>\n{svg_of(page.plot, said)}<figcaption class="note">{word(page.language, "plot.caption")}</figcaption>\n</figure>',
        ]
    for part in page.parts:
        heading = f"<h2>{_words(part.heading)}</h2>\n" if part.heading else ""
        kind = ' class="point"' if part.heading else ""
        body.append(f"<section{kind}>\n{heading}{_blocks(part.blocks, page.language)}\n</section>")
    body.append(_footer(page.language, before, after))
    return _whole(page.language, f"{page.number} {page.title}", body)


def index_html(language: str, pages: Sequence[Page], missing: Iterable[Missing]) -> str:
    """The list of all pages in one language."""
    body = [
        _header(language, "index.html", '<a href="../index.html">chainrule</a>'),
        f"<h1>{word(language, 'site')}</h1>",
        f'<p class="about">{word(language, "intro")}</p>',
    ]
    for group in GROUPS:
        items = [
            f'<li><span class="key">{escape(page.number)}</span><span><a href="{page.file}.html">{_words(page.title)}</a>'
            f'<span class="quiet">{_words(page.about)}</span></span></li>'
            for page in pages
            if page.group == group
        ]
        if items:
            body += [f"<h2>{word(language, f'group.{group}')}</h2>", '<ol class="examples">', *items, "</ol>"]
    body += [
        f'<p class="warning">{_words(word(language, "missing", title=one.heading, package=one.package))}</p>'
        for one in missing
    ]
    held, total = equalities(pages)
    body.append(f'<p class="note">{word(language, "total", held=f"{held:,}", total=f"{total:,}")}</p>')
    return _whole(language, word(language, "site"), body)


def choice_html() -> str:
    """The first page of the site: which language?"""
    body = [
        f'<section lang="{language}"><h1><a href="{language}/index.html">{word(language, "site")}</a></h1>'
        f'<p class="about">{word(language, "intro")}</p></section>'
        for language in LANGUAGES
    ]
    return _whole("en", " · ".join(word(language, "site") for language in LANGUAGES), body)


def equalities(pages: Iterable[Page]) -> tuple[int, int]:
    """How many equalities of these pages hold, and how many there are."""
    parts = [part for page in pages for part in page.parts]
    return sum(part.held for part in parts), sum(part.total for part in parts)


def plot_words(page: Page) -> dict[str, str]:
    """What the description of a page's plot names."""
    plot = page.plot
    assert plot is not None
    ends = [f"{one:g}".replace("-", "−") for one in (plot.x[0], plot.x[-1])]
    return {
        "x": plot.variable, "left": ends[0], "right": ends[1], "value": plot.value_label, "derivative": plot.slope_label,
    }  # fmt: skip


def _header(language: str, file: str, left: str) -> str:
    others = " ".join(
        f'<a href="../{other}/{file}" lang="{other}" hreflang="{other}">{name}</a>'
        for other, name in LANGUAGES.items()
        if other != language
    )
    return f'<header class="site"><nav>{left}</nav><nav>{others}</nav></header>'


def _footer(language: str, before: Page | None, after: Page | None) -> str:
    def link(page: Page | None, key: str) -> str:
        if page is None:
            return ""
        return (
            f'<nav class="{key}"><span class="quiet">{word(language, key)}</span><br>'
            f'<a href="{page.file}.html">{escape(page.number)} {_words(page.title)}</a></nav>'
        )

    return f'<footer class="site">{link(before, "previous")}{link(after, "next")}</footer>'


def _numbered(first: int, text: str) -> str:
    """Program text, each line with its number in the file, which is not copied along."""
    lines = "\n".join(
        f'<span data-line="{number}">{_words(line)}</span>'
        for number, line in enumerate(text.splitlines(), start=first)
    )
    return f'<pre class="numbered"><code class="language-python">{lines}</code></pre>'


def _blocks(blocks: Sequence[Block], language: str) -> str:
    """Blocks of a document, without the style sheet, which the page has already."""
    return print_html(Document("", tuple(blocks), language), standalone=False).replace(
        f"<style>\n{STYLE}</style>\n", ""
    )


def _words(text: str) -> str:
    return escape(text, quote=False)


def _whole(language: str, title: str, body: Iterable[str]) -> str:
    inside = "\n".join(part for part in body if part)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_words(title)}</title>\n<style>\n{PAGE_STYLE}{STYLE}{SITE_STYLE}</style>\n</head>\n"
        f'<body>\n<main class="chainrule-derivation">\n{inside}\n</main>\n</body>\n</html>\n'
    )
