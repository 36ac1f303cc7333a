"""How a derivation looks in a browser: one style sheet, light and dark, on the screen and on paper.

Every rule names `.chainrule-derivation`, so that a derivation in somebody's page changes nothing around it.
"""

from __future__ import annotations

PAGE_STYLE = """\
:root { color-scheme: light dark; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fdfdfb; }
body > .chainrule-derivation { max-width: 48rem; margin: 0 auto; padding: 3.5rem 1.5rem 6rem; box-sizing: border-box; }
@media (prefers-color-scheme: dark) { body { background: #14161a; } }
@media (max-width: 40rem) { body > .chainrule-derivation { padding: 1.5rem 1rem 3rem; } }
@page { margin: 20mm 18mm; }
@media print {
  body { background: none; }
  body > .chainrule-derivation { max-width: none; padding: 0; }
}
"""

STYLE = """\
.chainrule-derivation {
  --ink: #1d1f24; --quiet: #666c78; --rule: #dcdcd6; --ground: #f4f4ef; --accent: #2b5c9e; --warn: #9a5b00;
  --warn-ground: #fff6e3;
  color: var(--ink); line-height: 1.65; font-size: 1.0625rem; overflow-wrap: break-word;
  font-family: "Source Serif 4", "Iowan Old Style", "Palatino Linotype", Palatino, "Noto Serif", "Noto Serif KR",
    "Noto Serif CJK KR", "Nanum Myeongjo", AppleMyungjo, Batang, Georgia, serif;
}
.chainrule-derivation:lang(ko) { word-break: keep-all; }
.chainrule-derivation h1, .chainrule-derivation h2, .chainrule-derivation h3 {
  line-height: 1.25; font-weight: 600; text-wrap: balance; break-after: avoid;
}
.chainrule-derivation h1 { font-size: 1.9rem; margin: 0 0 1.4rem; letter-spacing: -0.01em; }
.chainrule-derivation h2 {
  font-size: 1.3rem; margin: 2.6rem 0 0.8rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--rule);
}
.chainrule-derivation h3 { font-size: 1.08rem; margin: 1.9rem 0 0.5rem; }
.chainrule-derivation p { margin: 0.8rem 0; }
.chainrule-derivation ul { margin: 0.8rem 0; padding-left: 1.4rem; }
.chainrule-derivation li { margin: 0.3rem 0; }
.chainrule-derivation li::marker { color: var(--quiet); }
.chainrule-derivation .note { color: var(--quiet); font-size: 0.94em; }
.chainrule-derivation p.note { padding-left: 1rem; border-left: 2px solid var(--rule); }
.chainrule-derivation .warning {
  padding: 0.55rem 0.9rem; border-left: 3px solid var(--warn); border-radius: 0 4px 4px 0; background: var(--warn-ground);
}
.chainrule-derivation math {
  font-family: "STIX Two Math", "Libertinus Math", "Latin Modern Math", "Cambria Math", "Noto Sans Math", math;
  font-size: 1.06em; line-height: normal;
}
.chainrule-derivation .display { margin: 1rem 0; padding: 0.3rem 0; overflow-x: auto; overflow-y: hidden; }
.chainrule-derivation .lines {
  display: grid; align-items: baseline; row-gap: 0.65rem; padding-left: 1.4rem;
  grid-template-columns: auto minmax(min-content, max-content) minmax(min-content, 1fr) auto;
}
.chainrule-derivation .row { display: contents; }
.chainrule-derivation .left { text-align: right; }
.chainrule-derivation .right { text-align: left; }
.chainrule-derivation .right.more { padding-left: 2.4em; }
.chainrule-derivation .label {
  color: var(--quiet); font-size: 0.85em; padding-left: 2rem; white-space: nowrap;
}
.chainrule-derivation span.label { padding-left: 1.2rem; }
.chainrule-derivation .tag {
  color: var(--quiet); font-size: 0.9em; padding-left: 1.5rem; text-align: right; font-variant-numeric: tabular-nums;
}
.chainrule-derivation mtd { padding: 0.15em 0.45em; }
.chainrule-derivation code, .chainrule-derivation pre {
  font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK KR",
    monospace;
  font-size: 0.86em;
}
.chainrule-derivation pre {
  background: var(--ground); border-radius: 6px; padding: 0.8rem 1rem; overflow-x: auto; line-height: 1.5; tab-size: 4;
}
.chainrule-derivation pre code { font-size: 1em; }
.chainrule-derivation .wide { overflow-x: auto; margin: 1rem 0; }
.chainrule-derivation table { border-collapse: collapse; font-size: 0.95em; font-variant-numeric: tabular-nums; }
.chainrule-derivation th, .chainrule-derivation td {
  padding: 0.35rem 1.6rem 0.35rem 0; text-align: left; vertical-align: baseline; border: 0;
  border-bottom: 1px solid var(--rule); background: none;
}
.chainrule-derivation th { color: var(--quiet); font-weight: 600; font-size: 0.92em; }
@media (prefers-color-scheme: dark) {
  .chainrule-derivation {
    --ink: #e4e4df; --quiet: #9aa0ac; --rule: #33363d; --ground: #1d2026; --accent: #8ab4f0; --warn: #d9a441;
    --warn-ground: #2a2418;
  }
}
@media (max-width: 40rem) {
  .chainrule-derivation { font-size: 1rem; }
  .chainrule-derivation .lines { padding-left: 0; }
  .chainrule-derivation .label { padding-left: 1rem; white-space: normal; }
  .chainrule-derivation .tag { padding-left: 0.7rem; }
}
@media print {
  .chainrule-derivation {
    --ink: #000; --quiet: #444; --rule: #bbb; --ground: #f5f5f5; --warn: #555; --warn-ground: #f5f5f5; font-size: 10.5pt;
  }
  .chainrule-derivation .display, .chainrule-derivation pre, .chainrule-derivation .wide { overflow: visible; }
  .chainrule-derivation .display, .chainrule-derivation tr, .chainrule-derivation pre { break-inside: avoid; }
  .chainrule-derivation pre { white-space: pre-wrap; }
}
"""
