"""One server a data folder, for as long as its process lives."""

import os
from pathlib import Path

import pytest

from hospes.base import data_folder
from hospes.base.errors import Misconfigured
from hospes.base.postgres import EmbeddedPostgres
from hospes.base.processes import wait_until
from tests.house.children import beginning, kill, left_in


def test_a_second_server_on_a_folder_is_refused(folder: Path) -> None:
    with data_folder.claim(folder):
        with pytest.raises(Misconfigured) as refusal:
            data_folder.claim(folder)

        assert refusal.value.message == (
            f"Another Hospes server (process {os.getpid()}) already uses {folder}. "
            "Stop it, or choose another folder with --data-dir."
        )
    data_folder.claim(folder).release()


def test_a_running_postgres_does_not_hold_the_claim(folder: Path, server: EmbeddedPostgres) -> None:
    with data_folder.claim(folder):
        server.start()

    data_folder.claim(folder).release()


def test_a_claim_ends_with_its_process(folder: Path) -> None:
    parent = beginning(folder)
    assert parent.stdout
    parent.stdout.readline()
    with pytest.raises(Misconfigured, match=rf"\(process {parent.pid}\)"):
        data_folder.claim(folder)

    kill(parent)

    data_folder.claim(folder).release()
    assert wait_until(lambda: not left_in(folder), 10)


def test_a_claim_on_a_file_says_so(folder: Path) -> None:
    folder.write_text("")

    with pytest.raises(Misconfigured, match="not a folder"):
        data_folder.claim(folder)
