"""What Argon2 alone takes of the processor: `python -m benchmarks.hashing SECONDS`.

As many threads hash at a time as do in two workers; a hash alone on its machine takes less.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from benchmarks.servers import WORKERS
from playlist_api.auth.passwords import HASHING_CONCURRENCY
from playlist_api.config.settings import load_settings
from tests.service import PASSWORD, ROOT, environment


def milliseconds(seconds: float) -> float:
    """Measure, in a process of its own, the processor time of a hash."""
    command = [sys.executable, "-m", "benchmarks.hashing", str(seconds)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(told.stdout)


def main(seconds: float) -> None:
    """Hash, and print the processor time of one hash in milliseconds."""
    settings = load_settings(environment("postgresql:///"), ROOT / "instance")
    argon2 = PasswordHasher(
        settings.argon2_iterations, settings.argon2_memory, settings.argon2_parallelism
    )
    known = argon2.hash(PASSWORD)

    def verify_until(end: float) -> int:
        hashes = 0
        while time.perf_counter() < end:
            hashes += argon2.verify(known, PASSWORD)
        return hashes

    threads = WORKERS * HASHING_CONCURRENCY
    with ThreadPoolExecutor(threads) as pool:
        used, end = time.process_time(), time.perf_counter() + seconds
        hashes = sum(pool.map(verify_until, [end] * threads))
        used = time.process_time() - used
    sys.stdout.write(f"{used / hashes * 1000}\n")


if __name__ == "__main__":
    main(float(sys.argv[1]))
