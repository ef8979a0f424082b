import subprocess
import sys
from pathlib import Path

import supervision

ROOT = Path(__file__).parents[2]


def test_the_package_imported_is_ours_and_not_its_namesake_on_the_index():
    assert Path(supervision.__file__) == ROOT / "supervision" / "__init__.py"
    assert not hasattr(supervision, "Detections")


def test_everything_promised_is_there_and_nothing_is_promised_twice():
    assert sorted(set(supervision.__all__)) == supervision.__all__
    assert all(hasattr(supervision, name) for name in supervision.__all__)


def test_importing_it_needs_no_third_party_package_but_trio_and_attrs():
    program = (
        "import sys, trio, attrs; before = set(sys.modules); import supervision; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'supervision', 'trio', 'attr', 'attrs'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
