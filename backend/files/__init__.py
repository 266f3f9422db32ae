"""Files on the user's disk: read carefully, written as a whole or not at all, kept from other users.

`reading` refuses what is no regular file. `writing` goes through a temporary file beside the target, a part;
`left_parts` removes the parts that killed processes have left. `private` keeps files from other users.
`without_links` judges the folders that files are written to, and follows no link there.
"""

from backend.files.left_parts import mark_in_use, sweep_parts
from backend.files.private import make_private, make_private_folder, open_private
from backend.files.reading import (
    LFS_POINTER,
    NotRegular,
    TooLarge,
    file_stamp,
    open_regular,
    read_regular,
)
from backend.files.without_links import lies_within
from backend.files.writing import sync_folder, write_whole, writing_whole

__all__ = [
    "LFS_POINTER",
    "NotRegular",
    "TooLarge",
    "file_stamp",
    "lies_within",
    "make_private",
    "make_private_folder",
    "mark_in_use",
    "open_private",
    "open_regular",
    "read_regular",
    "sweep_parts",
    "sync_folder",
    "write_whole",
    "writing_whole",
]
