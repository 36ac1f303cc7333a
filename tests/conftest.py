"""What every test of the suite shares: hypothesis profiles, and floating-point warnings as NumPy's user sees them."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

# Random programs are built step by step, so that the health checks about slow and filtered data do not fit them; and the
# suite runs on shared machines, so that a deadline would measure the neighbours.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("nightly", parent=settings.get_profile("suite"), derandomize=False)
settings.load_profile(os.environ.get("CHAINRULE_HYPOTHESIS_PROFILE", "suite"))

# Compiled code is kept for the run of the suite only, and not among the user's files; the processes that it starts share it.
if "CHAINRULE_CACHE" not in os.environ:
    os.environ["CHAINRULE_CACHE"] = tempfile.mkdtemp(prefix="chainrule-tests-")
    atexit.register(shutil.rmtree, os.environ["CHAINRULE_CACHE"], ignore_errors=True)
