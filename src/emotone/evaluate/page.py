"""Self-contained HTML pages: sections with text, a table and a picture; no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotone import __version__
from emotone.errors import missing_extra


@dataclass(frozen=True)
class Section:
    """A part of a page. `table`: rows of one kind as {column: value}; `figure`: SVG of `emotone.evaluate.figure`."""

    title: str
    text: str = ""
    table: Sequence[Mapping[str, Any]] | None = None
    figure: str = ""
    note: str = ""


def render(title: str, sections: Sequence[Section], warnings: Sequence[str] = ()) -> str:
    """The page as HTML; every text is escaped, since file and speaker names come from anywhere.

    >>> "&lt;b&gt;" in render("<b>", [Section("One", table=[{"a": 1.25}])])
    True
    """
    try:
        from jinja2 import Environment
    except ImportError:
        raise missing_extra("jinja2", "train", "a report") from None
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = _cell
    page = environment.from_string(PAGE)
    return page.render(title=title, sections=sections, warnings=warnings, version=__version__)


def _cell(value: Any) -> str:
    """A table's cell as text: numbers to three decimals, unknown as a dash."""
    if value is None or value != value:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2327; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #d8dde0; }
table { border-collapse: collapse; font-size: .88rem; margin: .6rem 0; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid #e6eaec; vertical-align: top; }
td { font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; }
.warning { background: #fff1f0; border-left: 4px solid #d1495b; padding: .6rem .9rem; }
.note, footer { color: #5f6b73; font-size: .85rem; }
nav a { margin-right: .9rem; white-space: nowrap; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for warning in warnings %}
<p class="warning">{{ warning }}</p>
{% endfor %}
<nav>{% for section in sections %}<a href="#s{{ loop.index }}">{{ section.title }}</a> {% endfor %}</nav>
{% for section in sections %}
<section id="s{{ loop.index }}">
<h2>{{ section.title }}</h2>
{% if section.text %}<p>{{ section.text }}</p>{% endif %}
{% if section.table %}
<div class="wide"><table>
<tr>{% for column in section.table[0] %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in section.table %}
<tr>{% for value in row.values() %}<td>{{ value | cell }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}
{% if section.figure %}<figure>{{ section.figure | safe }}</figure>{% endif %}
{% if section.note %}<p class="note">{{ section.note }}</p>{% endif %}
</section>
{% endfor %}
<footer>Emotone {{ version }}</footer>
</body>
</html>
"""
