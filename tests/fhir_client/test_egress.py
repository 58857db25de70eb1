"""What a hook, a page or a reference names is called only where the site has listed it."""

import asyncio

import pytest

from cds_service.fhir_client.egress import Base, Resolver, Servers, is_loopback, networks

LISTED = ["https://fhir.example.org/r4", "http://hapi.lan:8080/fhir", "10.20.0.0/16"]
EHR = Base.of("https://fhir.example.org/r4/")


@pytest.mark.parametrize(
    ("url", "again"),
    [
        ("https://fhir.example.org/r4", "https://fhir.example.org/r4"),
        ("HTTPS://FHIR.example.org:443/r4/", "https://fhir.example.org/r4"),
        ("http://127.0.0.1:8180/fhir", "http://127.0.0.1:8180/fhir"),
        ("http://[::1]:8180", "http://[::1]:8180"),
    ],
)
def test_an_address_is_taken_apart_and_put_together_again(url, again):
    assert Base.of(url).url == again


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fhir.example.org/r4",
        "//fhir.example.org/r4",
        "file:///etc/passwd",
        "ftp://fhir.example.org/r4",
        "gopher://fhir.example.org",
        "https://",
        "https:///r4",
        "https://user@fhir.example.org/r4",
        "https://user:word@fhir.example.org/r4",
        "https://@fhir.example.org/r4",
        "https://fhir.example.org/r4?x=1",
        "https://fhir.example.org/r4?",
        "https://fhir.example.org/r4#here",
        "https://fhir.example.org/r4/../admin",
        "https://fhir.example.org/r4/%2e%2E/admin",
        "https://fhir.example.org/r4/..;/admin",
        "https://fhir.example.org/r4/x%2fy",
        "https://fhir.example.org\\@evil.example/r4",
        "https://fhir.example.org/r4\r\nHost: evil.example",
        "https://fhir.example.org /r4",
        "https://fhir.example.org./r4",
        "https://fhir.exämple.org/r4",
        "https://fhir.example.org:0/r4",
        "https://fhir.example.org:99999/r4",
        "https://[fe80::1%25eth0]/r4",
        "https://[::1/r4",
    ],
)
def test_what_is_not_the_plain_address_of_a_server_is_none(url):
    assert Base.of(url) is None
    assert Servers.listed(["https://fhir.example.org"], open=True).base(url) is None


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://fhir.example.org/r4", True),
        ("https://fhir.example.org/r4/tenant-1", True),
        ("https://fhir.example.org:443/r4", True),
        ("https://fhir.example.org/r4b", False),
        ("https://fhir.example.org/", False),
        ("https://fhir.example.org:8443/r4", False),
        ("http://fhir.example.org/r4", False),
        ("https://evil.example/r4", False),
        ("https://fhir.example.org.evil.example/r4", False),
        ("http://hapi.lan:8080/fhir", True),
        ("http://localhost:8180/fhir", True),
        ("http://127.0.0.1:8180", True),
        ("http://[::1]:8180", True),
        ("http://169.254.169.254/latest", False),
        ("http://2130706433/", False),
        ("http://0x7f.1/", False),
        ("http://[::ffff:169.254.169.254]/", False),
        ("https://10.20.0.1/fhir", False),
    ],
)
def test_in_open_mode_the_machine_itself_and_listed_servers_may_be_called(url, allowed):
    assert bool(Servers.listed(LISTED, open=True).base(url)) is allowed


@pytest.mark.parametrize("url", ["http://hapi.lan:8080/fhir", "http://localhost:8180/fhir", "https://localhost/fhir"])
def test_in_production_a_server_must_be_listed_and_speak_https(url):
    assert Servers.listed(LISTED).base(url) is None
    assert Servers.listed(LISTED).base("https://fhir.example.org/r4/tenant-1") is not None


def test_no_server_is_allowed_without_a_list():
    assert Servers().base("https://fhir.example.org/r4") is None


def test_a_query_is_escaped():
    address = EHR.address("Observation?patient=a-1&code=72106-8,http://snomed.info/sct|1 2&status=é#?")
    expected = "code=72106-8,http://snomed.info/sct%7C1%202&status=%C3%A9%23%3F"
    assert address == f"https://fhir.example.org/r4/Observation?patient=a-1&{expected}"


@pytest.mark.parametrize("path", ["Patient/..", "Patient/.", "Patient/%2e%2e", "../admin", "Patient/a%2fb"])
def test_an_id_that_leads_upwards_makes_no_address(path):
    assert EHR.address(path) is None


def test_an_id_is_escaped():
    assert EHR.address("Patient/a b").endswith("/r4/Patient/a%20b")


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://fhir.example.org/r4/Condition?page=2", "https://fhir.example.org/r4/Condition?page=2"),
        ("https://fhir.example.org/r4?_getpages=1&a=b|c", "https://fhir.example.org/r4?_getpages=1&a=b|c"),
        ("https://fhir.example.org:443/r4/x", "https://fhir.example.org/r4/x"),
        ("Condition?page=2", "https://fhir.example.org/r4/Condition?page=2"),
        ("?page=2", "https://fhir.example.org/r4/?page=2"),
        ("/r4/Condition?page=2", "https://fhir.example.org/r4/Condition?page=2"),
        ("http://fhir.example.org/r4/Condition?page=2", None),
        ("https://evil.example/r4/Condition?page=2", None),
        ("//evil.example/r4/Condition", None),
        ("/other/Condition?page=2", None),
        ("https://fhir.example.org/r4b/Condition", None),
        ("https://fhir.example.org/r4/../admin", None),
        ("../admin", None),
        ("https://user@fhir.example.org/r4/Condition", None),
        ("https://fhir.example.org/r4/Condition#x", None),
        ("https://[/r4", None),
        ("urn:uuid:0d5b2a0e-8a53-4a3b-9d5e-6d1a4e0c1f01", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_further_page_stays_on_the_server_or_is_not_called(url, called):
    assert EHR.within(url) == called


@pytest.mark.parametrize(
    ("host", "is_it"), [("localhost", True), ("127.8.0.1", True), ("[::1]", True), ("fhir.example.org", False)]
)
def test_loopback_is_known_by_name_and_number(host, is_it):
    assert is_loopback(host) is is_it


def resolved(host, *found, permitted=()):
    async def lookup(_):
        return list(found)

    return asyncio.run(Resolver(networks(permitted), lookup).addresses(host))


def test_a_public_name_leads_to_its_public_addresses():
    assert resolved("fhir.example.org", "93.184.215.14", "2606:2800::1", "93.184.215.14") == (
        "93.184.215.14",
        "2606:2800::1",
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.20.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "not an address",
    ],
)
def test_a_name_that_leads_inside_is_not_connected(address):
    assert resolved("fhir.example.org", address) == ()


def test_of_several_addresses_only_the_permitted_are_connected():
    assert resolved("fhir.example.org", "10.0.0.1", "93.184.215.14") == ("93.184.215.14",)


def test_a_name_may_lead_into_a_listed_network():
    assert resolved("ehr.hospital.lan", "10.20.3.4", "10.21.0.1", permitted=LISTED) == ("10.20.3.4",)


def test_an_address_that_is_listed_as_such_needs_no_lookup():
    assert resolved("10.1.2.3") == ("10.1.2.3",)
    assert resolved("[::1]") == ("::1",)


def test_localhost_is_this_machine_and_nothing_else():
    assert resolved("localhost", "93.184.215.14", "127.0.0.1") == ("127.0.0.1",)


def test_a_name_is_looked_up_once_for_all_who_ask():
    asked = []

    async def lookup(host):
        asked.append(host)
        await asyncio.sleep(0)
        return ["93.184.215.14"]

    async def many():
        resolver = Resolver((), lookup)
        first = asyncio.create_task(resolver.addresses("fhir.example.org"))
        await asyncio.sleep(0)
        first.cancel()
        return await asyncio.gather(*(resolver.addresses("fhir.example.org") for _ in range(5)))

    assert asyncio.run(many()) == [("93.184.215.14",)] * 5
    assert asked == ["fhir.example.org"]


def test_a_name_that_was_not_found_is_looked_up_again():
    answers = [OSError("no such name"), UnicodeError("no name at all"), ["93.184.215.14"]]

    async def lookup(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def thrice():
        resolver = Resolver((), lookup)
        return [await resolver.addresses("fhir.example.org") for _ in range(3)]

    assert asyncio.run(thrice()) == [(), (), ("93.184.215.14",)]
