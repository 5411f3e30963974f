"""The verb serve."""

from __future__ import annotations

import importlib.util
import os
from argparse import Namespace
from pathlib import Path

from emotone.cli.options import AddVerb, add_quiet, number, positive
from emotone.errors import missing_extra

PACKAGES = ("fastapi", "uvicorn", "python_multipart", "websockets")


def add_serve(add_verb: AddVerb) -> None:
    parser = add_verb("serve", serve, "A page for recordings and live speech, and an API, on this machine.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="listen on it (default: this machine alone)")
    add("--port", type=int, default=8642, metavar="N", help="default 8642; 0: one that is free")
    text = "who has it may come in (default: EMOTONE_TOKEN, else a random one)"
    add("--token", default=os.environ.get("EMOTONE_TOKEN", ""), metavar="WORD", help=text)
    add("--workers", type=positive, default=2, metavar="N", help="processes that score (default 2)")
    text = "a bundle's name or folder, or a run; again for more, the first is the default"
    add("--model", dest="models", action="append", metavar="NAME|BUNDLE", help=text)
    add("--root-path", default="", metavar="/PATH", help="where a proxy has it, e.g. /emotion")
    add("--name", dest="names", action="append", default=[], metavar="HOST", help="a name by which it is reached, too")
    add("--max-upload", type=positive, default=1000, metavar="MB", help="of a request (default 1000)")
    add("--max-hours", type=number, default=5.0, metavar="H", help="of a recording (default 5)")
    add("--max-waiting", type=positive, default=256, metavar="N", help="recordings that wait at most (default 256)")
    add("--deadline", type=number, default=900.0, metavar="S", help="that a recording may take (default 900)")
    add("--keep", type=number, default=900.0, metavar="S", help="that results are kept for their client (default 900)")
    add("--spool", type=Path, metavar="FOLDER", help="for uploads (default: where temporary files go)")
    add("--log-names", action="store_true", help="names of recordings in the log, which has none otherwise")
    add_quiet(parser)


def serve(options: Namespace) -> int:
    """Answer until told to end."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise missing_extra(package, "serve", "serve")
    from emotone.serve.run import serve as run
    from emotone.serve.settings import Limits, ServeSettings

    limits = Limits(
        upload_bytes=options.max_upload * 1_000_000,
        hours=options.max_hours,
        waiting=options.max_waiting,
        deadline_s=options.deadline,
        keep_s=options.keep,
    )
    settings = ServeSettings(
        host=options.host,
        port=options.port,
        token=options.token,
        workers=options.workers,
        models=options.models or ["default"],
        root_path=options.root_path,
        names=options.names,
        spool=options.spool,
        limits=limits,
        quiet=options.quiet,
        log_names=options.log_names,
    )
    return run(settings)
