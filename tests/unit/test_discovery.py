"""Runs are found by their files, some of which may be deleted at that moment."""

import os

from omni_lib.runs.discovery import latest_first


def test_the_most_recently_changed_comes_first_and_a_deleted_file_is_passed_over(tmp_path):
    files = [tmp_path / name for name in ("old", "deleted", "new")]
    for age, file in enumerate(files):
        file.touch()
        os.utime(file, (1000 + age, 1000 + age))
    files[1].unlink()
    assert latest_first(files) == [files[2], files[0]]
