"""The doctor: finds out why a box cannot upsample, and says how to fix it.

    examination  runs all checks, in order
    laptop       checks this machine
    connection   describes the SSH connection to the box
    first_token  starts the model and asks it for one token
    findings     makes the findings of this package

The checks on the box itself are in `remote.checks`. Nothing here prints.
"""

from backend.doctor.examination import Diagnosis, ExaminationWatchers, examine

__all__ = ["Diagnosis", "ExaminationWatchers", "examine"]
