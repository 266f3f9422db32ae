"""What keeps a box from upsampling, from this machine to the last byte of the model.

    examination  everything, in order
    laptop       this machine
    way          SSH, and the runner
    start        the model started for real, with one token as proof

What is looked at on the box itself is in `remote.checks`. Nothing here prints.
"""

from backend.doctor.examination import Diagnosis, ExaminationWatchers, examine

__all__ = ["Diagnosis", "ExaminationWatchers", "examine"]
