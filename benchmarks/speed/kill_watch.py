"""Long run of the watcher: a camera drops COUNT parts while the watcher is killed KILLS times.

    python -m benchmarks.speed.kill_watch --camera SCRIPT [--count 500] [--kills 30] [--style mixed] [--seed 0]

SCRIPT plays a camera: it takes the options below and prints one JSON line (path, sha256, role, replaces) for each
complete file.
Ends with 0 if every part was decided exactly once for its path and content, nothing else was, and the chain verifies.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from inspect_ai.audit import open_log, verify
from tests.support.tasks import make_pictures, make_task


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--interval-ms", type=float, default=200.0)
    parser.add_argument("--abandon", type=int, default=5)
    parser.add_argument("--style", default="mixed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--camera", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), options)


def run(folder: Path, options: argparse.Namespace) -> int:
    """One run in a folder that is thrown away."""
    make_task(folder / "tasks")
    make_pictures(folder / "source", 20)
    (folder / "line").mkdir()
    command = [sys.executable, "-c", "from inspect_ai.cli import main; main()", "watch", str(folder / "line"), "--json"]
    command += ["--task", "bright", "--db", str(folder / "log.db"), "--out", str(folder / "out")]
    environment = os.environ | {"INSPECT_AI_TASKS": str(folder / "tasks")}
    camera_command = [
        sys.executable,
        str(options.camera),
        "--source",
        str(folder / "source"),
        "--into",
        str(folder / "line"),
    ]
    camera_command += [
        "--count",
        str(options.count),
        "--interval-ms",
        str(options.interval_ms),
        "--style",
        options.style,
    ]
    camera_command += ["--seed", str(options.seed), "--abandon", str(options.abandon)]
    with (folder / "drops").open("w") as drops, (folder / "shown").open("w") as shown:
        camera = subprocess.Popen(camera_command, stdout=drops)
        random, life_s = np.random.default_rng(options.seed), options.count * options.interval_ms / 1000 / options.kills
        for _ in range(options.kills):
            watcher = subprocess.Popen(command, env=environment, stdout=shown, stderr=subprocess.DEVNULL)
            time.sleep(float(random.uniform(0.5, 1.5)) * life_s)
            watcher.kill()
            watcher.wait()
        camera.wait()
    subprocess.run([*command, "--once"], env=environment, stdout=subprocess.DEVNULL, check=True)
    return compare(folder)


def compare(folder: Path) -> int:
    """Print dropped files beside decided ones; 1 for a difference or a broken chain."""
    drops = [json.loads(line) for line in (folder / "drops").read_text().splitlines()]
    parts = {(d["path"], d["sha256"]) for d in drops if d["role"] == "picture"}
    replaced = {(d["path"], d["replaces"]) for d in drops if d["replaces"]}
    with open_log(folder / "log.db") as log:
        entries = list(log.entries(kind="decision"))
        decided = Counter((log.names.opened(e.sealed)[2], e.decision().study.files[0].sha256) for e in entries)
    doubled = [key for key, times in decided.items() if times > 1]
    missing, foreign = parts - replaced - set(decided), set(decided) - parts
    sound = verify(folder / "log.db").ok
    print(f"dropped {len(parts)}, of them replaced at once {len(replaced - set(decided))}; decided {len(decided)}")
    print(f"doubled {doubled}, missing {missing}, foreign {foreign}, chain {'sound' if sound else 'broken'}")
    return 0 if sound and not (doubled or missing or foreign) else 1


if __name__ == "__main__":
    raise SystemExit(main())
