"""Self-contained HTML pages: sections with text, a table and a picture; no script, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotone.base.version import __version__
from emotone.errors import missing_extra


@dataclass(frozen=True)
class Player:
    """A cell of a table that plays a clip: the bytes of an Ogg file, which become part of the page."""

    clip: bytes

    @property
    def source(self) -> str:
        """The clip as a data: address.

        >>> Player(b"Ogg").source
        'data:audio/ogg;base64,T2dn'
        """
        return "data:audio/ogg;base64," + base64.b64encode(self.clip).decode("ascii")


@dataclass(frozen=True)
class Section:
    """A part of a page, shown in this order: title, text, figure, table, code and note, each as far as there is one.

    `table` has rows of one kind as {column: value}; a value may be a `Player`. `figure` is SVG of
    `emotone.base.figure`, `code` is shown letter by letter. A section of `level` 3 belongs to the one of level 2 before
    it and is not in the list at the top. `folds` is the text of a line to click on, which opens the table and the code.
    """

    title: str
    text: str = ""
    table: Sequence[Mapping[str, Any]] | None = None
    figure: str = ""
    note: str = ""
    code: str = ""
    level: int = 2
    folds: str = ""


def render(title: str, sections: Sequence[Section], warnings: Sequence[str] = ()) -> str:
    """The page as HTML; every text is escaped, since file and speaker names come from anywhere.

    >>> "&lt;b&gt;" in render("<b>", [Section("One", table=[{"a": 1.25}])])
    True
    """
    try:
        from jinja2 import Environment
        from markupsafe import Markup
    except ImportError:
        raise missing_extra("jinja2", "train", "a report") from None
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = _cell
    environment.tests["numeric"] = _is_numeric
    environment.tests["player"] = lambda value: isinstance(value, Player)
    number = Markup(' class="number"')
    page = environment.from_string(PAGE)
    return page.render(title=title, sections=sections, warnings=warnings, version=__version__, number=number)


def _cell(value: Any) -> str:
    """A table's cell as text: numbers to three decimals, unknown as a dash."""
    if value is None or value != value:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _is_numeric(value: Any) -> bool:
    """Whether a cell stands to the right, as numbers do, NaN among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2327; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .6rem; } h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
h2 { font-size: 1.2rem; margin-top: 2.6rem; padding-bottom: .2rem; border-bottom: 1px solid #d8dde0; }
table { border-collapse: collapse; font-size: .88rem; margin: .6rem 0; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .2rem 1.1rem .2rem 0; border-bottom: 1px solid #e6eaec; vertical-align: top; }
th { font-weight: 600; } td { font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
td:first-child { white-space: nowrap; } .number { text-align: right; }
audio { height: 1.9rem; width: 14rem; vertical-align: middle; } tr:has(audio) td { vertical-align: middle; }
figure { margin: .8rem 0; } svg { max-width: 100%; height: auto; }
pre { font: .8rem/1.45 ui-monospace, monospace; background: #f6f8f9; padding: .8rem 1rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
summary { cursor: pointer; color: #0b6e99; font-size: .9rem; }
.warning { background: #fff1f0; border-left: 4px solid #d1495b; padding: .6rem .9rem; }
.note, footer { color: #5f6b73; font-size: .85rem; } footer { margin-top: 3rem; }
nav { font-size: .9rem; } nav a { margin-right: .9rem; white-space: nowrap; color: #0b6e99; text-decoration: none; }
@media print { nav { display: none; } section { break-inside: avoid-page; } }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for warning in warnings %}
<p class="warning">{{ warning }}</p>
{% endfor %}
<nav>
{% for section in sections %}
{% if section.level == 2 %}<a href="#s{{ loop.index }}">{{ section.title }}</a>{% endif %}

{% endfor %}
</nav>
{% for section in sections %}
<section id="s{{ loop.index }}">
<h{{ section.level }}>{{ section.title }}</h{{ section.level }}>
{% if section.text %}<p>{{ section.text }}</p>{% endif %}
{% if section.figure %}<figure>{{ section.figure | safe }}</figure>{% endif %}
{% if section.folds %}<details><summary>{{ section.folds }}</summary>{% endif %}
{% if section.table %}
<div class="wide"><table>
<tr>
{% for name, value in section.table[0].items() %}<th{{ number if value is numeric }}>{{ name }}</th>{% endfor %}

</tr>
{% for row in section.table %}
<tr>{% for value in row.values() %}
{% if value is player %}<td><audio controls preload="none" src="{{ value.source }}"></audio></td>
{%- else %}<td{{ number if value is numeric }}>{{ value | cell }}</td>{% endif %}{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}
{% if section.code %}<pre>{{ section.code }}</pre>{% endif %}
{% if section.folds %}</details>{% endif %}
{% if section.note %}<p class="note">{{ section.note }}</p>{% endif %}
</section>
{% endfor %}
<footer>Emotone {{ version }}</footer>
</body>
</html>
"""
