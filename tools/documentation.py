"""What mkdocs builds besides the pages of `docs/`: `mkdocs.yml` names this file as its hook.

The reference is made of the code (`tools/reference.py`), pages of the gallery by it (`tools/gallery.py`). Results,
cards, the changelog and how to contribute are pages of the checkout that keep their places; a link to any other file
of the checkout leads to a page that shows it. Links are written as they are right in the checkout, and become links of
the site here.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # until mkdocs has loaded this file, so that all imports stand here

from mkdocs.structure.files import File, Files  # noqa: E402

from gallery import PAGES as SHOWN  # noqa: E402
from gallery import make_pages  # noqa: E402
from reference import PAGES as MADE  # noqa: E402

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = "docs/"
PAGES = {"CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
"""Pages of the checkout by their address in the site; results keep theirs, cards lie together."""
FOLDERS = {"src/emotone/data/recipes": "reference/recipes.md", "results": "results/README.md"}
LINK = re.compile(r"(?<=\]\()([^)#\s]+)(#[^)\s]*)?(?=\))")
LANGUAGES = {".py": "python", ".sh": "bash", ".html": "html", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml"}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in `docs/`, and a page for each file that a page links to."""
    for address, make in MADE.items():
        files.append(File.generated(config, address, content=make()))
    pages = make_pages()
    for name in SHOWN:
        files.append(File.generated(config, f"gallery/{name}", content=pages[name]))
    moved = {path: address_of(path) for path in _moved()}
    for path, address in moved.items():
        if path != "README.md":
            files.append(File.generated(config, address, content=(CHECKOUT / path).read_text(encoding="utf-8")))
    for path in sorted(_linked([*moved, *(f"{DOCS}{file.src_uri}" for file in files if file.generated_by is None)])):
        if (CHECKOUT / path).exists() and not path.startswith(DOCS) and path not in moved and path not in FOLDERS:
            files.append(File.generated(config, address_of(path), content=_shown(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links of the checkout as links of the site."""
    return relink(markdown, page.file.src_uri)


def relink(markdown: str, address: str) -> str:
    """The text of the page at `address`, whose links lead where the site has what they lead to in the checkout.

    >>> relink("[c](../results/coverage.md#a) [r](../src/emotone/data/recipes)", "own.md")
    '[c](results/coverage.md#a) [r](reference/recipes.md)'
    """
    origin = path_of(address)
    if origin is None:
        return markdown

    def moved(match: re.Match[str]) -> str:
        link, anchor = match[1], match[2] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))
        if ":" in link or not (CHECKOUT / path).exists():
            return match[0]
        anchor = "" if path == "README.md" else anchor
        return posixpath.relpath(address_of(path), posixpath.dirname(address) or ".") + anchor

    return LINK.sub(moved, markdown)


def address_of(path: str) -> str:
    """Where the site has a file or folder of the checkout.

    >>> address_of("docs/serve.md"), address_of("bundles/acted/README.md"), address_of("deploy/Dockerfile")
    ('serve.md', 'cards/acted.md', 'source/deploy/Dockerfile.md')
    """
    pure = PurePosixPath(path)
    if path in PAGES or path in FOLDERS:
        return (PAGES | FOLDERS)[path]
    if pure.name == "README.md" and "bundles" in pure.parts:
        return f"cards/{pure.parent.name}.md"
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    is_page_or_picture = pure.suffix in (".md", ".svg", ".png") and pure.parts[0] == "results"
    return path if is_page_or_picture else f"source/{path}.md"


def path_of(address: str) -> str | None:
    """The file of the checkout that the page at an address is; None for one that is made of the code or of a file."""
    by_address = {address_of(path): path for path in _moved() if path != "README.md"}
    if address in by_address:
        return by_address[address]
    return f"{DOCS}{address}" if (CHECKOUT / DOCS / address).is_file() else None


def _moved() -> list[str]:
    """Pages of the checkout outside `docs/` that the site has."""
    found = [*CHECKOUT.glob("results/**/*.md"), *CHECKOUT.glob("src/emotone/bundle/bundles/*/README.md")]
    found += CHECKOUT.glob("bundles/*/README.md")
    return [*PAGES, *sorted(path.relative_to(CHECKOUT).as_posix() for path in found)]


def _linked(pages: list[str]) -> set[str]:
    """Files of the checkout to which these pages link."""
    found = set()
    for page in pages:
        if page.endswith(".md") and page != "README.md":
            for match in LINK.finditer((CHECKOUT / page).read_text(encoding="utf-8")):
                found.add(posixpath.normpath(posixpath.join(posixpath.dirname(page), match[1])))
    return found


def _shown(path: str) -> str | bytes:
    """A picture as it is, any other file as a page that shows it, a folder as a page that names what is in it."""
    if (CHECKOUT / path).is_dir():
        names = sorted(file.name for file in (CHECKOUT / path).iterdir() if file.name != "__pycache__")
        return f"# {path}\n\n" + "\n".join(f"- `{name}`" for name in names) + "\n"
    if not address_of(path).endswith(".md"):
        return (CHECKOUT / path).read_bytes()
    text = (CHECKOUT / path).read_text(encoding="utf-8")
    marks = "`" * max([4, *(len(run) + 1 for run in re.findall(r"`{3,}", text))])
    head = f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n\n"
    return f"{head}{marks}{LANGUAGES.get(Path(path).suffix, 'text')}\n{text.rstrip()}\n{marks}\n"
