"""The one exception type a user ever sees, and what goes into its line: nearest matches, counts, the first of many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class EmotoneError(Exception):
    """Something the user can put right: one line saying what was given, what is allowed, and where.

    The command line prints the line and exits with 2; in a batch it becomes the row of the input it belongs to.

    >>> import emotone
    >>> try:
    ...     emotone.load("defualt")
    ... except emotone.EmotoneError as error:
    ...     print(error)
    unknown bundle 'defualt'; did you mean 'default'? ...
    """

    def __str__(self) -> str:
        # Messages of wrapped libraries may span lines; ours never do.
        return " ".join(super().__str__().split())


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The allowed name closest to what was given, in whatever letters, or None when nothing is close.

    >>> nearest("chunk-atention", ["chunk-attention", "deep-mi"])
    'chunk-attention'
    """
    import difflib  # no line, no cost

    names = {name.casefold(): name for name in reversed(list(allowed))}  # of two alike the first
    matches = difflib.get_close_matches(given.casefold(), list(names)[::-1], n=1, cutoff=0.6)
    return names[matches[0]] if matches else None


def unknown(kind: str, given: str, allowed: Iterable[str], where: str = "") -> EmotoneError:
    """The error for a name that is not known.

    >>> print(unknown("feature", "mell", ["mel", "lld"]))
    unknown feature 'mell'; did you mean 'mel'? (known: lld, mel)
    """
    names = sorted(allowed)
    match = nearest(given, names)
    hint = f"; did you mean '{match}'?" if match else ""
    place = f"{where}: " if where else ""
    return EmotoneError(f"{place}unknown {kind} '{given}'{hint} (known: {', '.join(names) or 'none'})")


def missing_extra(package: str, extra: str, what: str, note: str = "") -> EmotoneError:
    """The error for an optional dependency that is not installed.

    >>> print(missing_extra("torch", "train", "training"))
    training needs the package torch: pip install "emotone[train]"
    """
    return EmotoneError(f'{what} needs the package {package}: pip install "emotone[{extra}]"{note}')


def counted(num: int, what: str) -> str:
    """So many of something.

    >>> counted(1, "file"), counted(0, "file")
    ('1 file', '0 files')
    """
    return f"{num} {what}{'' if num == 1 else 's'}"


def name_some(names: Sequence[str], number: int = 3) -> str:
    """The first few of many names, for a message.

    >>> name_some(["a", "b", "c", "d"])
    'a, b, c, ..'
    """
    return ", ".join([*names[:number], *([".."] if len(names) > number else [])])
