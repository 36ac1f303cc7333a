"""What stands here needs the packages of the `peers` extra and, for autograd's suite, a package index."""

from pathlib import Path

import pytest

collect_ignore = ["autograd_shim"]  # a package named `autograd`, which only a subprocess may import


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.peers)
