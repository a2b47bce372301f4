"""The folder that holds all data of a `make run`, and how other commands join it."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import dotenv

from inflow.tryout.errors import Unavailable

ROOT = Path(__file__).resolve().parent.parent.parent


def data_folder() -> Path:
    """Return INFLOW_DATA, by default `var` in the clone. A relative path counts from the clone."""
    return (ROOT / (os.environ.get("INFLOW_DATA") or "var")).resolve()


def is_running(data: Path) -> bool:
    """Return True if a `make run` holds the folder's lock. See `processes.owned`."""
    try:
        with (data / "run.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


def join_running() -> None:
    """Set the variables of the running `make run` that the environment does not set."""
    data = data_folder()
    variables = dotenv.dotenv_values(data / "run.env", interpolate=False) if is_running(data) else {}
    if "DATABASE_URL" not in variables:
        raise Unavailable(
            f"DATABASE_URL is not set and no `make run` is up in {data}: start one, set INFLOW_DATA to the folder of a "
            "running one, or set what .env.example names"
        )
    for name, value in variables.items():
        os.environ[name] = os.environ.get(name) or value or ""


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    quoted = ((name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in variables.items())
    write_private(path, "".join(f"{name}='{value}'\n" for name, value in quoted))


def write_private(path: Path, text: str) -> None:
    """Write all of the text or nothing, readable for its owner only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(text)
    new.replace(path)
