"""The site: built without a warning, complete, without a request to other hosts, searched from the disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import Browser

pytest.importorskip("mkdocs")
CHECKOUT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r"""<(?:script|img|link|iframe|source|audio|video)\b[^>]*?\b(?:src|href)=["']?([^"'\s>]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning or a dead link is an error."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(CHECKOUT / "mkdocs.yml"), site_dir=str(folder))
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


def test_pages_of_the_code_and_of_the_checkout_are_there(site: Path) -> None:
    verbs = (site / "reference" / "verbs.html").read_text(encoding="utf-8")
    assert "--utterances" in verbs and 'id="predict"' in verbs and 'id="norms"' in verbs
    assert "hop_samples" in (site / "reference" / "features.html").read_text(encoding="utf-8")
    assert "predict_files" in (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert "CCC" in (site / "results" / "robustness.html").read_text(encoding="utf-8")
    assert (site / "cards" / "default.html").is_file() and (site / "changes.html").is_file()
    assert "class" in (site / "source" / "examples" / "clients" / "client.py.html").read_text(encoding="utf-8")


def test_the_gallery_has_pages_of_this_version(site: Path) -> None:
    linked = re.findall(r"gallery/[a-z]+\.html", (site / "gallery.html").read_text(encoding="utf-8"))
    assert sorted(set(linked)) == ["gallery/compared.html", "gallery/moments.html", "gallery/talk.html"]
    for name in linked:
        assert "</html>" in (site / name).read_text(encoding="utf-8")


def test_nothing_is_asked_of_other_hosts(site: Path) -> None:
    pages = [path for path in site.rglob("*.html") if "gallery" not in path.parts]
    assert len(pages) > 50
    for page in pages:
        loaded = LOADED.findall(page.read_text(encoding="utf-8"))
        asked = [address for address in loaded if re.match(r"(https?:)?//", address)]
        assert not asked, f"{page.relative_to(site)} loads {asked}"


def test_the_site_is_searched_from_the_disk(site: Path, browser: Browser) -> None:
    browser.open(site / "index.html")
    browser.run("document.querySelector('[data-md-component=search-query]').focus()")
    browser.press("leave-one-speaker-out")
    browser.wait("document.querySelectorAll('.md-search-result__item').length > 0", seconds=60)
    assert [address for address in browser.asked() if not address.startswith(("file:", "blob:", "data:"))] == []


def test_what_the_hook_needs_is_loaded_with_it() -> None:
    """Afterwards mkdocs takes its folder from the path again."""
    code = f"""
import sys
from mkdocs.config.base import load_config
load_config({str(CHECKOUT / "mkdocs.yml")!r})
print("gallery" in sys.modules, "reference" in sys.modules)
"""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", code], env=variables, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr
