"""``python -m trigger_compat.suite``: the contract suite in a pytest run that nothing else takes part in."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from trigger_compat.errors import ToolMissing

OF_THE_EXTRA: Final = ("aiosmtpd", "jsonschema", "psutil", "pytest", "yaml")


def main(arguments: list[str]) -> int:
    """Run pytest on the suite; the arguments are pytest's and the suite's own.

    In a folder of its own and without third-party plugins, because the conftest or the plugins of a
    provider's repository import Airflow before the suite can give it a database. Modules are still found,
    and the findings still written, in the folder where this was started.
    """
    if missing := [name for name in OF_THE_EXTRA if find_spec(name) is None]:
        sys.stderr.write(f"the suite needs {', '.join(missing)}; run: pip install 'trigger-compat[suite]'\n")
        return ToolMissing.exit_code
    here = Path.cwd()
    inside = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    inside["PYTHONPATH"] = os.pathsep.join(filter(None, (str(here), os.environ.get("PYTHONPATH"))))
    inside["TRIGGER_COMPAT_STARTED_IN"] = str(here)
    with tempfile.TemporaryDirectory(prefix="trigger-compat-suite-") as folder:
        (Path(folder) / "pytest.ini").write_text("[pytest]\nxfail_strict = true\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "trigger_compat.suite.plugin", "--pyargs"]
        command += ["trigger_compat.suite", *arguments]
        return subprocess.run(command, cwd=folder, env={**os.environ, **inside}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
