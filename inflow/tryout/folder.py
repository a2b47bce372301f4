"""The folder that holds all the data of a `make run`, and how other commands join it."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import dotenv
from environs import EnvError

ROOT = Path(__file__).resolve().parent.parent.parent


class Unavailable(EnvError):
    """Says in one line what is missing and what to do."""


def data_folder() -> Path:
    """Return INFLOW_DATA, by default `var` in the clone. A relative path counts from the clone."""
    return (ROOT / (os.environ.get("INFLOW_DATA") or "var")).resolve()


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the folder, made if need be, for this process alone."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "run.lock").open("a") as lock:
        for _ in range(10):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)  # `is_running` holds it for an instant
        else:
            raise Unavailable(f"`make run` is already up in {data}: stop it, or set another INFLOW_DATA")
        yield


def is_running(data: Path) -> bool:
    try:
        with (data / "run.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def join_running() -> None:
    """Take the variables of the running `make run`. Those of the environment win."""
    data = data_folder()
    variables = dotenv.dotenv_values(data / "run.env", interpolate=False) if is_running(data) else {}
    if "DATABASE_URL" not in variables:
        raise Unavailable(
            f"DATABASE_URL is not set and no `make run` is up in {data}: start one, or set what .env.example names"
        )
    for name, value in variables.items():
        os.environ[name] = os.environ.get(name) or value or ""


def write_variables(path: Path, variables: Mapping[str, str]) -> None:
    quoted = ((name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in variables.items())
    write_private(path, "".join(f"{name}='{value}'\n" for name, value in quoted))


def write_private(path: Path, text: str) -> None:
    """Write all of it or nothing, for the owner's eyes only."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
