"""A batch is answered by a model server on the other side of the net: over TLS, through a forward proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Here
from tests.support.certificates import Authority
from tests.support.forward_proxies import forwarding
from tests.support.laptop import IDLE_SECONDS, Laptop
from tests.support.patient_server import PatientServer, serving_patiently
from tests.support.waiting import wait_until


def test_a_wrong_certificate_stops_a_batch_and_with_its_authority_it_goes_on_through_the_proxy(
    laptop: Laptop, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = laptop.cwd / "prompts.txt"
    prompts.write_text("one\ntwo\nthree\n")
    authority = Authority(tmp_path)

    def configure(ca_file: str) -> None:
        laptop.configure(
            f'box = "net"\n[boxes.net]\nengine = "openai"\nmodel = "m"\nroot = "{tmp_path / "box"}"\n'
            f'idle_timeout = {IDLE_SECONDS}\n[boxes.net.openai]\nbase_url = "{server.url}"\nslots = 2\n'
            f'ca_file = "{ca_file}"\napi_key_env = "NET_KEY"\nprice_in = 1000\nprice_out = 2000.0\n'
        )

    with forwarding(tmp_path) as proxy, serving_patiently(authority.serving()) as server:
        server.let_all()
        for name in ("https_proxy", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.setenv("NET_KEY", "sk-secret")

        configure("")
        ended = here(prompts)
        assert ended.code == 3
        assert "certificate verify failed: unable to get local issuer certificate" in ended.err
        assert "set `openai.ca_file` of the box" in ended.err
        assert "This costs at most" in ended.err
        assert server.begun == []
        assert "failed" not in laptop.states()

        configure(str(authority.path))
        ended = here()
        assert ended.code == 0, ended.err
        assert laptop.states() == {"done": 3}
        assert "Cost: 0.0510." in ended.err  # 7 tokens in and 5 out, three times
        assert sorted(server.begun) == ["one", "three", "two"]
        address = server.url.removeprefix("https://").removesuffix("/v1")
        wait_until(lambda: proxy.passed.count(f"CONNECT {address}") >= 3)


@pytest.mark.campaign
def test_a_limit_stops_a_batch_and_a_higher_one_lets_it_go_on(
    laptop: Laptop, tmp_path: Path, server: PatientServer
) -> None:
    prompts = laptop.cwd / "prompts.txt"
    prompts.write_text("one\ntwo\nthree\nfour\nfive\nsix\n")
    server.let_all()

    def configure(limit: float) -> None:
        laptop.configure(
            f'box = "net"\n[boxes.net]\nengine = "openai"\nmodel = "m"\nroot = "{tmp_path / "box"}"\n'
            f'idle_timeout = {IDLE_SECONDS}\n[boxes.net.openai]\nbase_url = "{server.url}"\nslots = 2\n'
            f"price_in = 1000\nprice_out = 2000\nspend_limit = {limit}\n"
        )

    configure(0.03)  # each costs 0.017
    ended = laptop.batch(prompts)
    assert ended.returncode == 3
    assert "net stops when 0.0300 was spent in 24 hours" in ended.stderr
    assert "net spends no more for now: openai.spend_limit of 0.03 is reached" in ended.stderr
    assert "raise openai.spend_limit of net" in ended.stderr
    assert "failed" not in laptop.states()
    assert 2 <= len(server.begun) <= 4
    begun = len(server.begun)
    assert f"Cost: {0.017 * begun:.4f}." in ended.stderr, (laptop.states(), ended.stderr)

    ended = laptop.batch()
    assert ended.returncode == 3
    assert len(server.begun) == begun

    configure(9)
    ended = laptop.batch()
    assert ended.returncode == 0, ended.stderr
    assert laptop.states() == {"done": 6}
    assert sorted(server.begun) == sorted(prompts.read_text().split())
    assert f"Cost: {0.017 * (6 - begun):.4f}." in ended.stderr
