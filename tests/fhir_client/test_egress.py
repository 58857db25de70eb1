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
        "https://[fe80::1%eth0]/r4",
        "https://2130706433/r4",
        "https://0x7f000001/r4",
        "https://0x7f.0.0.1/r4",
        "https://0177.0.0.1/r4",
        "https://017700000001/r4",
        "https://127.1/r4",
        "https://127.0.0.1./r4",
        "https://010.0.0.1/r4",
        "https://1.2.3.4.5/r4",
        "https://256.1.1.1/r4",
        "https://fhir.example.0x7f/r4",
        "https://[::1/r4",
    ],
)
@pytest.mark.attack("A FHIR server with a user, a query or another scheme in its address", "not called")
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
@pytest.mark.attack("An id that leads out of the FHIR server's base", "not called")
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


INSIDE = {
    "this network": ["0.0.0.0", "0.1.2.3"],
    "private": ["10.20.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255"],
    "loopback": ["127.0.0.1", "127.8.0.1", "::1"],
    "link-local": ["169.254.1.1", "fe80::1", "fe80::1%eth0", "febf::1"],
    "metadata of clouds": [
        *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe"),
    ],
    "protocol assignments": ["192.0.0.1", "192.0.0.9", "192.0.0.10", "192.0.0.170", "2001:1::1", "2001:20::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "relays and sinks of all": ["192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "multicast, reserved, broadcast": ["224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "ff02::1", "ff0e::1"],
    "unspecified": ["::"],
    "site-local": ["fec0::1", "feff::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:192.0.0.192"],
    "IPv4-compatible": ["::127.0.0.1", "::169.254.169.254", "::93.184.215.14"],
    "IPv4-translated": ["::ffff:0:127.0.0.1", "::ffff:0:10.0.0.1", "::ffff:0:93.184.215.14"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::192.0.0.192"],
    "local NAT64": ["64:ff9b:1::7f00:1", "64:ff9b:1:ffff::1", "64:ff9b:1::93.184.215.14"],
    "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:5db8:d70e::1"],
    "Teredo": ["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "6bone": ["3ffe::1"],
    "discard": ["100::1"],
    "segment routing": ["5f00::1"],
    "not assigned": ["4000::1", "8000::1", "200::1"],
    "bound to a zone": ["2606:2800::1%eth0", "::ffff:93.184.215.14%1"],
    "oddly spelt": ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "010.0.0.1", "93.184.215.14.", "not an address", ""],
}


@pytest.mark.parametrize(
    "address", [pytest.param(one, id=f"{kind}: {one}") for kind, all_of_it in INSIDE.items() for one in all_of_it]
)
@pytest.mark.attack("A listed name that leads to a private network", "not connected")
def test_a_name_that_leads_inside_is_not_connected(address):
    assert resolved("fhir.example.org", address) == ()


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "9.255.255.255", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1"),
        *("198.17.0.1", "223.255.255.255", "2001:200::1", "2600::1", "2a00:1450::1", "3fff:1000::1"),
        *("::ffff:93.184.215.14", "64:ff9b::93.184.215.14"),
    ],
)
def test_what_lies_beside_those_is_connected(address):
    assert resolved("fhir.example.org", address) == (address,)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("169.254.169.254", "169.254.0.0/16"),
        ("100.100.100.200", "100.64.0.0/10"),
        ("192.0.0.192", "192.0.0.0/24"),
        ("::ffff:192.0.0.192", "192.0.0.0/24"),
        ("fd00:ec2::254", "fd00::/8"),
    ],
)
@pytest.mark.attack("A listed network that holds the address where clouds hand out credentials", "not connected")
def test_no_listed_network_leads_to_where_credentials_are_handed_out(address, network):
    assert resolved("fhir.example.org", address, permitted=[network]) == ()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("::ffff:10.20.3.4", "10.20.0.0/16"),
        ("64:ff9b::10.20.3.4", "10.20.0.0/16"),
        ("64:ff9b:1::a14:304", "64:ff9b:1::/48"),
        ("100.64.0.1", "100.64.0.0/16"),
        ("fd12::1", "fd12::/16"),
    ],
)
def test_an_address_within_another_is_connected_where_the_site_lists_it(address, network):
    assert resolved("ehr.hospital.lan", address, permitted=[network]) == (address,)


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
