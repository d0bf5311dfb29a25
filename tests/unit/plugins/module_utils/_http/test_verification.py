# SPDX-License-Identifier: GPL-3.0-or-later
"""Every address is asked as a CA asks, and each says what it answered; the web servers are real."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.address import parse_networks
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._http.challenge import ChallengeFile
from ansible_collections.certfleet.acme.plugins.module_utils._http.verification import Rules, Verdict, resolve, verify

from tests.unit.plugins.module_utils._core.fakes import FakeClock
from tests.unit.plugins.module_utils._http.web import Site, Web, redirecting, serving, web_of
from tests.unit.plugins.module_utils._x509.throwaway import Authority, present

FILE = ChallengeFile("www.example.com", "token", "token.thumbprint")
HERE = serving({FILE.path: f"{FILE.content}\n"})
FRONTENDS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
VALIDATION_HOSTS = ("127.0.0.4", "127.0.0.5")
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
NAMES = {"www.example.com": FRONTENDS, "acme.example.com": VALIDATION_HOSTS}


@pytest.fixture
def web() -> Iterator[Web]:
    with web_of(FRONTENDS + VALIDATION_HOSTS) as web:
        web.sites.update(dict.fromkeys(FRONTENDS, HERE))
        yield web


def names(host: str) -> Sequence[str]:
    if host not in NAMES:
        raise Error(f"{host} has no address: it is not known")
    return NAMES[host]


@pytest.fixture
def look(web: Web) -> Callable[..., list[Verdict]]:
    def look(addresses: Sequence[str] = (), timeout: float = 0, clock: FakeClock | None = None) -> list[Verdict]:
        rules = Rules(http_port=web.port, https_port=1, request_timeout=5, allowed=LOOPBACK)
        return verify([FILE], addresses, timeout, clock or FakeClock(), rules=rules, resolver=names)

    return look


def problems(verdicts: list[Verdict]) -> dict[str, str]:
    return {verdict.way[-1][1]: verdict.problem for verdict in verdicts}


def test_every_address_is_asked_by_the_name(web: Web, look: Callable[..., list[Verdict]]) -> None:
    assert problems(look()) == dict.fromkeys(FRONTENDS, "")
    assert sorted(web.asked) == [(address, f"www.example.com:{web.port}", FILE.path) for address in FRONTENDS]


def test_the_one_without_the_file_is_named_with_what_it_answered(web: Web, look: Callable[..., list[Verdict]]) -> None:
    web.sites["127.0.0.2"] = serving({})
    (wrong,) = [verdict for verdict in look() if verdict.problem]
    assert wrong.sentence() == "www.example.com 127.0.0.2: status 404"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<html>\x1b[2Jwelcome", "another answer: '<html>.[2Jwelcome'"),
        ("", "an empty answer"),
        (f"{FILE.content}x", "another answer: 'token.thumbprintx'"),
        (f"{FILE.content} \r\n\t", ""),
    ],
)
def test_an_answer_is_right_or_shown(body: str, problem: str, web: Web, look: Callable[..., list[Verdict]]) -> None:
    web.sites["127.0.0.2"] = serving({FILE.path: body})
    assert problems(look())["127.0.0.2"] == problem


def test_given_addresses_stand_in_place_of_the_names_own(web: Web, look: Callable[..., list[Verdict]]) -> None:
    web.sites["127.0.0.4"] = HERE
    assert problems(look(["127.0.0.4"])) == {"127.0.0.4": ""}
    assert {address for address, _host, _path in web.asked} == {"127.0.0.4"}


def test_a_redirect_is_followed_to_every_address_of_where_it_leads(
    web: Web, look: Callable[..., list[Verdict]]
) -> None:
    target = f"http://acme.example.com:{web.port}"
    web.sites["127.0.0.1"] = redirecting(target)
    web.sites["127.0.0.4"] = HERE
    verdicts = [verdict for verdict in look() if verdict.address == "127.0.0.1"]
    assert problems(verdicts) == {"127.0.0.4": "", "127.0.0.5": "status 404"}
    (wrong,) = [verdict for verdict in verdicts if verdict.problem]
    assert wrong.sentence() == f"www.example.com 127.0.0.1 -> {target}{FILE.path} 127.0.0.5: status 404"


def test_https_is_followed_whatever_its_certificate_and_only_that(web: Web, tmp_path: Path) -> None:
    names_asked: list[str | None] = []
    with web_of(VALIDATION_HOSTS, someone_elses(tmp_path, names_asked)) as secure:
        secure.sites.update({"127.0.0.4": HERE, "127.0.0.5": serving({})})
        web.sites["127.0.0.1"] = redirecting(f"https://acme.example.com:{secure.port}", status=308)
        rules = Rules(http_port=web.port, https_port=secure.port, request_timeout=5, allowed=LOOPBACK)
        verdicts = verify([FILE], ["127.0.0.1"], 0, FakeClock(), rules=rules, resolver=names)
    assert problems(verdicts) == {"127.0.0.4": "", "127.0.0.5": "status 404"}
    assert names_asked == ["acme.example.com"] * 2


def someone_elses(folder: Path, names_asked: list[str | None]) -> ssl.SSLContext:
    """A certificate that nobody trusts, for another name."""
    issued = Authority(present()).issue("other.example.com")
    for name, content in issued.files.items():
        (folder / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    context.sni_callback = lambda _socket, name, _context: names_asked.append(name)
    return context


def test_a_server_that_does_not_finish_its_handshake_is_given_up(web: Web) -> None:
    with closing(socket.create_server(("127.0.0.4", 0))) as silent:
        port = silent.getsockname()[1]
        web.sites["127.0.0.1"] = redirecting(f"https://silent.example.com:{port}")
        rules = Rules(http_port=web.port, https_port=port, request_timeout=0.3, allowed=LOOPBACK)
        verdicts = verify([FILE], ["127.0.0.1"], 0, FakeClock(), rules=rules, resolver=lambda _host: ["127.0.0.4"])
    assert problems(verdicts) == {"127.0.0.4": "no answer within 0.3 s"}


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("ftp://acme.example.com", "neither http nor https"),
        ("http://acme.example.com:22", "its port is not"),
        ("https://acme.example.com:443", "its port is not 1"),
        ("http://acme.example.com:99999", "which is no URL"),
        ("http://[", "redirected to 'http://[/.well-known/acme-challenge/token', which is no URL"),
        ("http://[::1.2.3]", "which is no URL"),
        ("http://" + "a" * 3000, "which is no URL"),
        ("http://user:secret@:{port}", "neither http nor https"),
        ("http://elsewhere.example.com:{port}", "elsewhere.example.com has no address: it is not known"),
        ("http://www.example.com:{port}", "redirected in a circle, to http://www.example.com:"),
    ],
)
def test_a_redirect_that_no_ca_follows_is_told(
    target: str, problem: str, web: Web, look: Callable[..., list[Verdict]]
) -> None:
    web.sites["127.0.0.1"] = redirecting(target.format(port=web.port))
    assert problem in problems(look())["127.0.0.1"]


def test_ten_redirects_are_followed_and_no_more(web: Web, look: Callable[..., list[Verdict]]) -> None:
    def counting(last: int) -> Site:
        def answer(_host: str, path: str) -> tuple[int, dict[str, str], str]:
            number = int(path.partition("?")[2] or 0)
            return (301, {"Location": f"?{number + 1}"}, "") if number < last else (200, {}, FILE.content)

        return answer

    web.sites.update({address: counting(10) for address in FRONTENDS})
    assert problems(look(["127.0.0.1"])) == dict.fromkeys(FRONTENDS, "")
    web.sites.update({address: counting(11) for address in FRONTENDS})
    assert "more than 10 redirects" in problems(look(["127.0.0.1"])).values()


def test_endless_redirects_end(web: Web, look: Callable[..., list[Verdict]]) -> None:
    web.sites.update(
        {
            address: (lambda _host, path, own=address: (302, {"Location": f"{path}{own[-1]}"}, ""))
            for address in FRONTENDS
        }
    )
    assert all(look(["127.0.0.1"]))
    assert len(web.asked) < 80


def test_only_those_that_were_wrong_are_asked_again_until_the_deadline(
    web: Web, look: Callable[..., list[Verdict]]
) -> None:
    class LateClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.monotonic() > 10:
                web.sites["127.0.0.2"] = HERE

    web.sites["127.0.0.2"] = serving({})
    clock = LateClock()
    assert problems(look(timeout=30, clock=clock)) == dict.fromkeys(FRONTENDS, "")
    assert [address for address, _host, _path in web.asked].count("127.0.0.1") == 1
    web.sites["127.0.0.3"] = serving({})
    before = clock.monotonic()
    assert problems(look(timeout=30, clock=clock))["127.0.0.3"] == "status 404"
    assert clock.monotonic() - before == pytest.approx(30)


def test_a_name_without_an_address_is_told() -> None:
    nowhere = ChallengeFile("nowhere.example.com", "token", "token.thumbprint")
    (verdict,) = verify([nowhere], (), 0, FakeClock(), resolver=names)
    assert verdict.sentence() == "nowhere.example.com : nowhere.example.com has no address: it is not known"


def test_an_address_at_which_something_happens_that_nobody_expected_has_no_right_answer(web: Web) -> None:
    def breaking(host: str) -> Sequence[str]:
        if host == "acme.example.com":
            raise ValueError("secret")
        return names(host)

    web.sites[FRONTENDS[1]] = redirecting(f"http://acme.example.com:{web.port}/x")
    rules = Rules(http_port=web.port, https_port=1, request_timeout=5)
    verdicts = problems(verify([FILE], (), 0, FakeClock(), rules=rules, resolver=breaking))
    assert verdicts[FRONTENDS[1]].startswith("Nobody expected this: ValueError in ")
    assert (verdicts[FRONTENDS[0]], verdicts[FRONTENDS[2]]) == ("", "")


def test_a_server_that_answers_byte_by_byte_is_given_up() -> None:
    done = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _address = listener.accept()
        with connection:
            while not done.wait(0.05):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        rules = Rules(http_port=listener.getsockname()[1], request_timeout=0.3)
        (verdict,) = verify([FILE], ["127.0.0.1"], 0, FakeClock(), rules=rules)
        done.set()
        thread.join(5)
    assert verdict.problem == "no answer within 0.3 s"


def test_nobody_there_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    (verdict,) = verify([FILE], ["127.0.0.1"], 0, FakeClock(), rules=Rules(http_port=port))
    assert verdict.problem == f"no connection to port {port}: Connection refused"


def looking(web: Web, *addresses: str, rules: Rules | None = None) -> list[str]:
    """What is told about ``www.example.com`` at its first address, where redirects lead to these."""
    rules = rules or Rules(http_port=web.port, request_timeout=5)
    verdicts = verify([FILE], ["127.0.0.1"], 0, FakeClock(), rules=rules, resolver=lambda _host: addresses)
    return [verdict.problem for verdict in verdicts]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.4", "::1", "0.1.2.3", "10.1.2.3", "172.31.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254"),
        *("224.0.0.1", "255.255.255.255", "198.18.0.1", "fd00::1", "fe80::1", "fe80::1%lo", "ff02::1", "fec0::1", "::"),
        *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:1::1"),
    ],
)
def test_no_redirect_leads_to_an_address_that_is_not_public(address: str, web: Web) -> None:
    web.sites["127.0.0.1"] = redirecting(f"http://inside.example.com:{web.port}")
    problem = "not asked after a redirect: the address is not public, and not in allowed_networks"
    assert looking(web, address) == [problem]
    assert [asked for asked, _host, _path in web.asked] == ["127.0.0.1"]


@pytest.mark.parametrize("network", ["127.0.0.4", "127.0.0.0/8"])
def test_redirects_lead_to_networks_that_are_listed(network: str, web: Web) -> None:
    web.sites["127.0.0.1"] = redirecting(f"http://acme.example.com:{web.port}")
    web.sites["127.0.0.4"] = HERE
    rules = Rules(http_port=web.port, request_timeout=5, allowed=parse_networks([network], "allowed_networks"))
    assert looking(web, "127.0.0.4", "10.1.2.3", rules=rules)[0] == ""
    assert looking(web, "10.1.2.3", rules=rules)[0].startswith("not asked after a redirect")


def test_a_web_server_may_redirect_to_its_own_address(web: Web) -> None:
    moved = f"http://www.example.com:{web.port}/moved"
    web.sites["127.0.0.1"] = lambda _host, path: (
        (200, {}, FILE.content) if path == "/moved" else (302, {"Location": moved}, "")
    )
    assert looking(web, "127.0.0.1") == [""]


@pytest.mark.parametrize("body", ["the secret of somebody else", "<html>"])
def test_no_body_is_quoted_after_a_redirect(body: str, web: Web, look: Callable[..., list[Verdict]]) -> None:
    web.sites["127.0.0.1"] = redirecting(f"http://acme.example.com:{web.port}")
    web.sites["127.0.0.4"] = web.sites["127.0.0.5"] = lambda _host, _path: (200, {}, body)
    assert problems(look(["127.0.0.1"])) == dict.fromkeys(VALIDATION_HOSTS, "another answer")


def test_no_body_of_an_internal_address_is_quoted(web: Web) -> None:
    web.sites["127.0.0.1"] = lambda _host, _path: (200, {}, "the secret of somebody else")
    assert looking(web) == ["another answer"]


def test_no_other_protocol_is_quoted(web: Web) -> None:
    with closing(socket.create_server(("127.0.0.4", 0))) as listener:

        def greet() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example.com, version of a secret\r\n\r\n")
                connection.recv(4096)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        rules = Rules(http_port=listener.getsockname()[1], request_timeout=5)
        (verdict,) = verify([FILE], ["127.0.0.4"], 0, FakeClock(), rules=rules)
        thread.join(5)
    assert verdict.problem == "no HTTP answer: BadStatusLine"


def test_of_many_redirects_the_first_and_the_last_are_told() -> None:
    way = tuple((f"http://www.example.com/{number}", "192.0.2.1") for number in range(5))
    first, last = f"{way[1][0]} 192.0.2.1", f"{way[4][0]} 192.0.2.1"
    assert Verdict(FILE, way, "x").sentence() == f"www.example.com 192.0.2.1 -> {first} -> (2 more) -> {last}: x"


def test_redirects_end_in_time(web: Web) -> None:
    clock = FakeClock()

    def slow(_host: str) -> Sequence[str]:
        clock.sleep(8)
        return ["127.0.0.1"]

    count = iter(range(100))
    web.sites["127.0.0.1"] = lambda _host, _path: (302, {"Location": f"/{next(count)}"}, "")
    rules = Rules(http_port=web.port, request_timeout=5)
    (verdict,) = verify([FILE], ["127.0.0.1"], 0, clock, rules=rules, resolver=slow)
    assert verdict.problem == "redirects that take more than 15 s"


def test_a_name_with_thousands_of_addresses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (f"192.0.2.{last}", 0)) for last in range(51)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_more: found)
    with pytest.raises(Error, match=r"^many\.example\.com has 51 addresses; at most 50 are asked$"):
        resolve("many.example.com")


@pytest.mark.parametrize("host", ["a\0b", "." * 300, "\ud800.example.com", "", "x" * 64 + ".example.com"])
def test_what_can_be_no_host_has_no_address(host: str) -> None:
    with suppress(Error):  # the empty name is this host's to some resolvers
        resolve(host)
