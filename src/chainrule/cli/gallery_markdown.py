"""Pages of the gallery as Markdown, with formulas between dollar signs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainrule.cli.gallery_html import equalities, plot_words
from chainrule.cli.gallery_pages import Missing, Page
from chainrule.cli.gallery_words import GROUPS, LANGUAGES, word
from chainrule.explain.document import Block, Code, Document, Heading, Paragraph
from chainrule.explain.printing.document_markdown import escaped, print_markdown


def page_markdown(page: Page, before: Page | None, after: Page | None) -> str:
    """The page of an example, with the same links as in HTML; its plot is a file of its own, FILE.svg."""
    language = page.language
    opening: list[Block] = [
        Heading(f"{page.number}. {page.title}", 1),
        Paragraph((page.about,)),
        Heading(word(language, "program")),
        *(Code(text) for _, text in page.code),
        Paragraph((f"{page.place} {word(language, 'call')}",)),
        Code(page.call),
        *page.at,
    ]
    parts = [_links(page, before, after), _printed(opening, language)]
    if page.plot is not None:
        said = escaped(word(language, "plot.description", **plot_words(page)))
        parts += [
            _printed([Heading(word(language, "plot"))], language),
            f"![{said}]({page.file}.svg)\n",
            f"{word(language, 'plot.caption')}\n",
        ]
    for part in page.parts:
        heading = [Heading(part.heading)] if part.heading else []
        parts.append(_printed([*heading, *part.blocks], language))
    return "\n".join(parts)


def index_markdown(language: str, pages: Sequence[Page], missing: Iterable[Missing]) -> str:
    """The list of all pages in one language."""
    lines = [f"# {word(language, 'site')}", "", word(language, "intro"), ""]
    lines += [f"[{name}](../{other}/index.md)" for other, name in LANGUAGES.items() if other != language]
    for group in GROUPS:
        rows = [
            f"- {page.number} [{escaped(page.title)}]({page.file}.md): {escaped(page.about)}"
            for page in pages
            if page.group == group
        ]
        if rows:
            lines += ["", f"## {word(language, f'group.{group}')}", "", *rows]
    for one in missing:
        lines += ["", f"> {escaped(word(language, 'missing', title=one.heading, package=one.package))}"]
    held, total = equalities(pages)
    lines += ["", word(language, "total", held=f"{held:,}", total=f"{total:,}")]
    return "\n".join(lines) + "\n"


def choice_markdown() -> str:
    """The first page of the site: which language?"""
    sections = [
        f"# [{word(language, 'site')}]({language}/index.md)\n\n{word(language, 'intro')}\n" for language in LANGUAGES
    ]
    return "\n".join(sections)


def _printed(blocks: Sequence[Block], language: str) -> str:
    return print_markdown(Document("", tuple(blocks), language))


def _links(page: Page, before: Page | None, after: Page | None) -> str:
    links = [f"[{word(page.language, 'all')}](index.md)"]
    if before is not None:
        links.append(f"[{word(page.language, 'previous')}: {before.number}]({before.file}.md)")
    if after is not None:
        links.append(f"[{word(page.language, 'next')}: {after.number}]({after.file}.md)")
    links += [f"[{name}](../{other}/{page.file}.md)" for other, name in LANGUAGES.items() if other != page.language]
    return " · ".join(links) + "\n"
