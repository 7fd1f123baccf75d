"""Ids of warm local runs, each given to one run alone.

Metaflow's local metadata takes the time in microseconds for an id and does not look whether
another run has taken the same one (``metaflow/plugins/metadata_providers/local.py``). Runs that
are forked side by side do that in step: one of a hundred pairs got one id, and then both ran with
the parameters of whichever had written them last.
"""

from __future__ import annotations

import os
import time
from typing import Any


def claim_ids() -> None:
    """Have Metaflow's local metadata, in this process, give no id that is taken."""
    from metaflow.plugins.metadata_providers.local import LocalMetadataProvider

    LocalMetadataProvider.new_run_id = _claimed_id


def _claimed_id(provider: Any, tags: Any = None, sys_tags: Any = None) -> str:
    """Do as ``LocalMetadataProvider.new_run_id``, with a folder that was not there before."""
    number = int(time.time() * 1e6)
    while True:
        run_id = str(number)
        try:
            os.makedirs(provider._make_path(provider._flow_name, run_id))
        except FileExistsError:
            number += 1
            continue
        provider._new_run(run_id, tags, sys_tags)
        return run_id
