"""A program that makes a Ray cluster of several nodes here, run by the Python of `.ci/install-ray`:

    python ray_nodes.py NODES GPUS BYTES

BYTES is the memory of each node for objects. The program prints the head's address, then, for each node, the
process number of its raylet. A line on its standard input adds a node, whose raylet is printed too; the line
is a JSON object, the node's own environment. At the end of its input the cluster ends.
"""

from __future__ import annotations

import json
import sys

import ray
from ray.cluster_utils import Cluster

_HEALTH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}


def _make(nodes: int, gpus: int, store_bytes: int) -> None:
    cluster = Cluster()

    def add(**more: object) -> None:
        node = cluster.add_node(
            num_cpus=0,
            num_gpus=gpus,
            object_store_memory=store_bytes,
            include_dashboard=False,
            **more,
        )
        processes = node.all_processes[ray._private.ray_constants.PROCESS_TYPE_RAYLET]
        print(processes[0].process.pid, flush=True)  # noqa: T201 - that is what it is for

    add(_system_config=_HEALTH)
    print(cluster.address, flush=True)  # noqa: T201 - that is what it is for
    for _ in range(nodes - 1):
        add()
    print("ready", flush=True)  # noqa: T201 - that is what it is for
    for line in sys.stdin:
        add(env_vars=json.loads(line))
    cluster.shutdown()


if __name__ == "__main__":
    _make(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
