"""What settings bring with them."""

import subprocess
import sys
from pathlib import Path


def test_settings_load_neither_serving_nor_the_engine() -> None:
    """Whoever reads or makes options pays for no model, and nothing that serves can be needed to say how it is served."""
    script = (
        "import sys; import personalize_local.settings.options, personalize_local.settings.quotas;"
        "print(sorted(name for name in sys.modules if name.startswith(('personalize_local.serving',"
        " 'personalize_local.engine'))))"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
