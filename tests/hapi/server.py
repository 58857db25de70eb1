"""HAPI FHIR's JPA server on loopback: a real FHIR server, with real searches, pages and a cache of its own.

Maven fetches it from Maven Central once; Java runs it from source, empty and in memory.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = Path(__file__).parent
_FETCHING_SECONDS = 300
_STARTING_SECONDS = 600
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"


class NotFetched(Exception):
    """The server's libraries are not on this machine and could not be had."""


def is_installed() -> bool:
    """Whether there are a JDK and Maven."""
    return all(map(shutil.which, ("java", "javac", "mvn")))


def classpath(folder: Path) -> str:
    """What the server is made of, fetched where it is not there yet; raises NotFetched."""
    found = folder / "classpath"
    asked = ["mvn", "--batch-mode", "--quiet", "--file", str(_HERE / "pom.xml"), "dependency:build-classpath"]
    try:
        subprocess.run(
            [*asked, f"-Dmdep.outputFile={found}"], check=True, capture_output=True, timeout=_FETCHING_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as fault:
        raise NotFetched(f"Maven could not fetch HAPI FHIR ({type(fault).__name__})") from fault
    return found.read_text()


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    """The base address of a new server; it ends on the way out. Raises NotFetched."""
    command = ["java", *options, _QUIET, "-cp", classpath(folder), str(_HERE / "HapiServer.java")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        late = threading.Timer(_STARTING_SECONDS, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, (folder / "log").read_text()[-2000:]
            late.cancel()
            yield address
        finally:
            late.cancel()
            process.kill()
