"""A JSON prompt as the models write it, and another draw of it."""

from __future__ import annotations

import json

SCENE = json.dumps(
    {
        "subjects": [
            {"description": "A yellow tower crane", "pose": "upright", "number_of_subjects": 1},
            {"description": "A worker in a red vest", "pose": "kneels beside a cable drum"},
        ],
        "lighting": {"conditions": "overcast, soft", "direction": ""},
        "cinematography": {"camera_motion": "slow push in", "lens_focal_length": "35 mm"},
        "actions": [
            {"time": "0:00-0:03", "description": "The crane turns to the left."},
            {"time": "0:03-0:07", "description": "It lowers its hook to the worker."},
        ],
        "fps": 24,
    }
)
OTHER_SCENE = (
    SCENE.replace("overcast, soft", "hard noon sun, soft")
    .replace("The crane turns to the left.", "The crane turns to the right.")
    .replace(', "lens_focal_length": "35 mm"', "")
)
