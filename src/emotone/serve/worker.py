"""What a worker process does: predictions, searches, formats and streams, by the code of the command line.

A task comes as JSON through a pipe, samples as bytes after it; what comes back is JSON, so that a worker which a
damaged recording has taken over can tell the server nothing but text. Rows and pages go into the folder of the job.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.base.files import cache_folder
from emotone.base.processes import begin_worker
from emotone.errors import EmotoneError, unknown
from emotone.serve.options import STREAM, check_names, number, predict_settings, search_of
from emotone.serve.watch import Report, Watch, seconds_by_header

if TYPE_CHECKING:
    from emotone.predict.predictor import Predictor
    from emotone.predict.settings import PredictSettings
    from emotone.serve.talk import Message, Talk

Task = Mapping[str, Any]
ROWS, PAGE, FOUND = "rows.json", "page.html", "found.json"
"""Files of a job: its rows; its page; the findings of a search."""
MOMENT_FORMATS = ("json", "csv")
OPTION = re.compile(r"(?<!\S)--(?=[a-z])")
"""How the command line writes the name of a field."""


@dataclass(frozen=True)
class Setup:
    """What workers are started with.

    models: {name: folder or run} of the server's own; the first is the default. jobs: how many workers there are.
    folder: where they work, in which no name of a client's recording is a file. most_seconds, most_values: of a
    recording, as it is decoded. most_bytes: of memory.
    """

    models: Mapping[str, str]
    jobs: int = 1
    folder: str = "."
    most_seconds: float = 18_000.0
    most_values: int = 4_000_000_000
    most_bytes: int = 3_000_000_000


class LostError(EmotoneError):
    """What a process knew that is no more."""


def work(connection: Connection, setup: Setup) -> None:
    """Answer tasks until the pipe is closed."""
    begin_worker()
    os.environ["EMOTONE_CACHE"] = str(cache_folder().absolute())
    os.chdir(setup.folder)
    _limit_memory(setup.most_bytes)
    worker = Worker(setup)
    while True:
        try:
            task = json.loads(connection.recv_bytes())
            payload = connection.recv_bytes() if task.get("bytes") else b""
        except (EOFError, OSError):
            return

        def report(progress: float) -> None:
            connection.send_bytes(json.dumps({"progress": progress}).encode())

        try:
            answer = {"answer": worker.do(task, payload, report)}
        except LostError as error:
            answer = {"error": str(error), "status": 410}
        except EmotoneError as error:
            words = _plain(str(error), task)  # whoever starts the server may see where its bundles are
            answer = {"error": words if task["do"] == "load" else _for_clients(words, setup), "status": 422}
        except MemoryError:
            words = f"needs more memory than the {setup.most_bytes / 1e9:g} GB that a worker may have"
            answer = {"error": words, "status": 413}
        except OSError as error:
            answer = {"error": f"the server could not do it: {error.strerror or error}", "status": 500}
        except Exception as error:  # a fault of ours, which must not end the streams of others
            traceback.print_exc()
            answer = {"error": f"the server could not do it ({type(error).__name__})", "status": 500}
        connection.send_bytes(json.dumps(answer).encode())


def _limit_memory(most_bytes: int) -> None:
    """Beyond it the worker fails, not the machine; Linux alone counts what a process writes to."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, resource.getrlimit(resource.RLIMIT_DATA)[1]))
        with open(
            "/proc/self/oom_score_adj", "w", encoding="utf-8", newline="\n"
        ) as file:  # and where memory ends all the same, before the server
            file.write("500")


class Worker:
    """Does tasks; it keeps the bundle of the last one, and streams until they end.

    >>> answer = Worker(Setup({"default": "default"})).do({"do": "about"})
    >>> answer["models"][0]["name"], "srt" in answer["formats"]
    ('default', True)
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._talks: dict[str, Talk] = {}

    def do(self, task: Task, payload: bytes = b"", report: Report = lambda progress: None) -> Any:
        """The answer to a task; raises EmotoneError for what cannot be done."""
        kinds: dict[str, Callable[[], Any]] = {
            "about": self._about,
            "load": lambda: self._load(task),
            "predict": lambda: self._predict(task, report),
            "moments": lambda: self._find_moments(task, report),
            "export": lambda: self._export(task),
            "open": lambda: self._open(task),
            "hear": lambda: self._talk(task["id"]).hear(payload),
            "close": lambda: self._close(task["id"]),
            "drop": lambda: self._talks.pop(task["id"], None) and None,
        }
        return kinds[task["do"]]()

    # ---- what there is ----------------------------------------------------------------------------------------------

    def _about(self) -> Any:
        """Bundles, the first of which is the default, and formats."""
        from emotone.base.version import __version__
        from emotone.predict.formats.output import SUFFIXES
        from emotone.predict.page.content import EMOTION_COLOURS

        return {
            "version": __version__,
            "models": [about for name in self._models() if (about := self._describe(name)) is not None],
            "formats": SUFFIXES,
            "moment_formats": list(MOMENT_FORMATS),
            "colours": EMOTION_COLOURS,
        }

    def _models(self) -> dict[str, str]:
        """Names of all bundles and where they are: the server's own first, then those that can be used by name."""
        from emotone.bundle.folder import available

        return dict(self._setup.models) | {name: name for name in available() if name not in self._setup.models}

    def _describe(self, name: str) -> Any:
        from emotone.bundle.folder import locate, read_about

        try:
            about = read_about(locate(self._models()[name]))
        except EmotoneError:
            if name in self._setup.models:
                raise
            return None  # a damaged bundle that nobody has asked for hides no other
        targets = about.targets
        return {
            "name": name,
            "description": about.description,
            "attributes": {
                target.name: None if target.is_relative else target.range
                for target in targets
                if target.kind == "attribute"
            },
            "categories": {target.name: list(target.labels) for target in targets if target.labels},
            "has_curves": bool(about.curves),
            "reliability": dict(about.reliability),
            "is_default": name == next(iter(self._models())),
        }

    def _load(self, task: Task) -> Any:
        """Load a bundle, so that the first recording does not wait for it."""
        from emotone.predict.predictor import load_once

        load_once(self._place(task["fields"]), 1 if self._setup.jobs > 1 else 0, "cpu", None)

    def _place(self, fields: Mapping[str, str]) -> str:
        """Where the bundle lies that is asked for; names alone count, never a place."""
        models = self._models()
        name = fields.get("model") or next(iter(models))
        if name not in models:
            raise unknown("model", name, models)
        return models[name]

    # ---- recordings -------------------------------------------------------------------------------------------------

    def _settings(self, task: Task) -> PredictSettings:
        fields = task["fields"]
        return predict_settings(fields, self._place(fields), self._setup.jobs, task.get("speakers"))

    def _predict(self, task: Task, report: Report) -> Any:
        """Rows of a recording into its folder, its page, and where a format is asked for at once, the file of that."""
        from emotone.audio.turns import read_turns
        from emotone.predict.files import Input, predict_file
        from emotone.predict.page.html import render_page
        from emotone.predict.page.outputs import scale_of
        from emotone.predict.page.predicted import show_rows

        settings = self._settings(task)
        predictor, table = settings.predictor, settings.table
        settings.check(predictor)
        if settings.speakers is not None:
            read_turns(Path(settings.speakers))  # what is wrong with all of it is no fault of the recording
        path, name, folder = task["path"], task["name"], Path(task["folder"])
        with self._watch(task, report, _times_read(settings, path)) as watch:
            heard = predict_file(settings, Input(path, name=name))
            rows = [_clean(row, task) for prediction in heard for row in table.rows(prediction)]
            duration_s = max(prediction.end_s or 0.0 for prediction in heard)
            is_scored = any(prediction.scores or prediction.probabilities for prediction in heard)
            _write(folder / ROWS, {"rows": rows, "duration_s": duration_s, "is_scored": is_scored})
            if task["page"] and is_scored:
                content = show_rows(rows, scale_of(predictor), settings.over, paths={name: path})
                (folder / PAGE).write_text(render_page(content), encoding="utf-8", newline="\n")
        error = "" if is_scored else next(prediction.error for prediction in heard if prediction.error)
        answer = {"seconds": watch.heard_s, "error": _plain(error, task)}
        return answer | (self._export(task) if task["as"] else {})

    def _find_moments(self, task: Task, report: Report) -> Any:
        """The findings in a recording into its folder, and their page."""
        from emotone.predict.retrieve.moments import find_moments
        from emotone.predict.retrieve.output import json_text, to_rows
        from emotone.predict.retrieve.page import render_page

        fields, path, name, folder = task["fields"], task["path"], task["name"], Path(task["folder"])
        search = search_of(fields, self._place(fields))
        with self._watch(task, report, 1) as watch:
            findings = find_moments(path, search).renamed({path: name})
            rows = [_clean(row, task) for row in to_rows(findings)]
            _write(folder / ROWS, {"rows": rows, "duration_s": findings.duration_s, "is_scored": not findings.failed})
            found = _clean(json.loads(json_text(findings)), task)
            (folder / FOUND).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii", newline="\n")
            if task["page"] and findings.moments:
                page = render_page(findings, {name: path})
                (folder / PAGE).write_text(page, encoding="utf-8", newline="\n")
        error = findings.failed[0].error if findings.failed else ""
        answer = {"seconds": watch.heard_s, "error": _plain(error, task)}
        return answer | (self._export(task) if task["as"] else {})

    def _watch(self, task: Task, report: Report, passes: int) -> Watch:
        """What counts what is read of a recording, which a page does once more."""
        passes += bool(task["page"])
        return Watch(self._setup.most_seconds, self._setup.most_values, seconds_by_header(task["path"]), passes, report)

    def _export(self, task: Task) -> Any:
        """The file with the rows of a job in a format, in a folder of its own: its place in that of the job."""
        from emotone.base.result_table import TEXT_COLUMNS, Done
        from emotone.predict.formats.output import SUFFIXES, form_of

        form_name, folder = task["as"], Path(task["folder"])
        kept = json.loads((folder / ROWS).read_text(encoding="utf-8"))
        if task["kind"] == "moments":
            return self._export_moments(form_name, folder, kept["rows"])
        if form_name not in SUFFIXES:
            raise unknown("format", form_name, SUFFIXES)
        settings = self._settings(task)
        table = settings.table
        path = _new_folder(folder) / f"{form_name}{SUFFIXES[form_name]}"
        form = form_of(path, form_name, table, settings.predictor.bundle.name)
        form.check(path, True)
        form.write(
            path,
            table.columns,
            TEXT_COLUMNS | set(table.choices),
            [Done(task["name"], kept["rows"], kept["duration_s"])],
        )
        if not path.exists():
            raise EmotoneError(f"{form_name} holds what is scored, and nothing of this recording is")
        return {"file": str(path.relative_to(folder))}

    def _export_moments(self, form_name: str, folder: Path, rows: list[dict[str, Any]]) -> Any:
        from emotone.base.table_format import write_csv
        from emotone.predict.retrieve.output import COLUMNS

        if form_name not in MOMENT_FORMATS:
            raise unknown("format", form_name, MOMENT_FORMATS)
        path = _new_folder(folder) / f"moments.{form_name}"
        if form_name == "json":
            path.write_bytes((folder / FOUND).read_bytes())
        else:
            write_csv(path, COLUMNS, rows)
        return {"file": str(path.relative_to(folder))}

    # ---- streams ----------------------------------------------------------------------------------------------------

    def _open(self, task: Task) -> Any:
        from emotone.predict.settings import utterance_rules
        from emotone.serve.talk import Talk

        fields = task["fields"]
        check_names(fields, STREAM)
        rules = utterance_rules(True, number(fields, "pause"), number(fields, "longest"))
        self._talks[task["id"]] = talk = Talk(_load_for_streams(self._place(fields)), rules)
        return [talk.created]

    def _talk(self, number: str) -> Talk:
        if number not in self._talks:
            raise LostError("the process that listened has died; begin anew")
        return self._talks[number]

    def _close(self, number: str) -> list[Message]:
        messages = self._talk(number).close()
        del self._talks[number]
        return messages


@functools.lru_cache(maxsize=4)
def _load_for_streams(place: str) -> Predictor:
    """Of several streams those with one bundle share it."""
    from emotone.predict.predictor import Predictor

    return Predictor.load(place, threads=1)


def _times_read(settings: PredictSettings, path: str) -> int:
    """How often a recording is read: once, or once for each channel that is heard alone."""
    from emotone.audio.read import AudioError, count_channels

    if settings.channels is None:
        return 1
    try:
        return len(settings.channels) or count_channels(path)
    except AudioError:
        return 1


def _new_folder(folder: Path) -> Path:
    """A folder of an export's own: several may be asked for at once."""
    return Path(tempfile.mkdtemp(prefix="export-", dir=folder))


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8", newline="\n")


def _clean(value: Any, task: Task) -> Any:
    """Rows and what else is JSON, without the places of files."""
    if isinstance(value, dict):
        return {key: _clean(item, task) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, task) for item in value]
    return _plain(value, task) if isinstance(value, str) else value


def _for_clients(text: str, setup: Setup) -> str:
    """Words with names of the server's own bundles in place of where they are, and of fields for options.

    >>> _for_clients("--pause is of utterances; see /srv/calm", Setup({"calm": "/srv/calm"}))
    'pause is of utterances; see calm'
    """
    for name, place in setup.models.items():
        text = text.replace(place, name) if os.sep in place else text
    return OPTION.sub("", text)


def _plain(text: str, task: Task) -> str:
    """Words without the folder of the job, which is nobody's business."""
    if "folder" not in task:
        return text
    between = r"[/\\]+"  # backslashes are two where a text is quoted
    folder = between.join(map(re.escape, re.split(between, task["folder"])))
    return re.sub(folder + between, "", text)
