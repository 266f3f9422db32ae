"""The engine `ray`: replicas of another engine on the nodes of a Ray cluster, fed as one engine.

The daemon starts a driver, a process of a Python that has Ray. Either may be killed at any moment: a driver
without its daemon ends its replicas and itself, and a daemon without its driver starts another one.

engine         the `Engine` of the daemon
link           the daemon's end of a driver
messages       what daemon, driver and replicas say to each other
entry          the driver's process
driving        the driver's work: gives each request to a replica
keeping        starts the replicas, and starts them again
cluster        what these need of a Ray cluster
replica_set    which replica gets a request, and what the replicas serve
driver         the cluster, with Ray
join_failures  why a cluster cannot be joined, in words
replica        the actor, with Ray
hosting        the inside of an actor, without Ray
unsaid         what a replica has to say of its answers, and has not said yet
places         the folder of a replica on its node
bounded        waits that never lose a cancel
guard          ends a replica's model server when the replica is killed
"""

from __future__ import annotations

from remote.engines.ray.engine import RayEngine, end_leftover_driver

__all__ = ["RayEngine", "end_leftover_driver"]
