"""Keys of servers and clients."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from pypet_net.addresses import is_local, numeric
from pypet_net.keys import SessionKeys, user_keys

pytestmark = pytest.mark.timeout(60)


def test_every_session_has_keys_of_its_own():
    assert SessionKeys.generate() != SessionKeys.generate()


def test_the_halves_belong_together():
    keys = SessionKeys.generate()
    assert keys.client.server == keys.server.public
    assert keys.server.allowed == {keys.client.public}


def test_secrets_do_not_show():
    keys = SessionKeys.generate()
    assert keys.server.secret not in repr(keys)
    assert keys.client.secret not in repr(keys)


def test_keys_can_be_pickled():
    keys = SessionKeys.generate()
    assert pickle.loads(pickle.dumps(keys)) == keys


def test_the_keys_of_a_user_stay_the_same(tmp_path):
    assert user_keys(tmp_path / "private") == user_keys(tmp_path / "private")


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_the_keys_of_a_user_are_for_the_user_only(tmp_path):
    user_keys(tmp_path)
    path = tmp_path / "pypet-net.keys"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(OSError, match="mode 640"):
        user_keys(tmp_path)


def test_a_damaged_key_file_is_an_error(tmp_path):
    user_keys(tmp_path)
    path = tmp_path / "pypet-net.keys"
    path.write_text("short\n")
    with pytest.raises(OSError, match="four keys"):
        user_keys(tmp_path)


def test_processes_that_start_together_agree_on_keys(tmp_path):
    code = (
        "import sys; from pypet_net.keys import user_keys; "
        "print(user_keys(sys.argv[1]).client.public)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=50)[0] for process in processes}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["pypet-net.keys"]


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("tcp://127.0.0.1:7777", True),
        ("tcp://127.9.9.9:*", True),
        ("tcp://localhost:7777", True),
        ("tcp://[::1]:7777", True),
        ("ipc:///tmp/socket", True),
        ("tcp://*:7777", False),
        ("tcp://0.0.0.0:7777", False),
        ("tcp://[::]:7777", False),
        ("tcp://192.168.0.7:7777", False),
        ("tcp://localhost.example.org:7777", False),
    ],
)
def test_only_loopback_is_local(url, local):
    assert is_local(url) is local


def test_names_become_numbers_for_binding():
    assert numeric("tcp://localhost:7777") in ("tcp://127.0.0.1:7777", "tcp://[::1]:7777")


@pytest.mark.parametrize("url", ["tcp://*:1", "tcp://127.0.0.1:*", "tcp://[::1]:5", "ipc:///tmp/x"])
def test_addresses_stay_as_they_are_for_binding(url):
    assert numeric(url) == url


def test_an_unknown_host_is_an_error():
    with pytest.raises(ValueError, match=r"nowhere\.invalid"):
        numeric("tcp://nowhere.invalid:7777")
