"""Ray and Ray Serve, which `.ci/install-ray` puts into an environment of their own."""

from __future__ import annotations

import os

from tests.support.environments import Environment

RAY = Environment("Ray", "ray-2.60.0", ".ci/install-ray", os.environ.get("UPSAMPLE_RAY_ENV"))
