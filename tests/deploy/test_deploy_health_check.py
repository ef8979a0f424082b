"""The command that says whether the service of this machine is well."""

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from deploy_files import DEPLOY

STATUSES = {"/health": 200, "/ready": 503}


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(STATUSES[self.path])
        self.end_headers()

    def log_message(self, *_):
        pass


class OnIpv6(HTTPServer):
    address_family = socket.AF_INET6


@pytest.fixture(params=[(HTTPServer, "127.0.0.1"), (OnIpv6, "::1")], ids=["IPv4", "IPv6"])
def server(request):
    kind, address = request.param
    with kind((address, 0), Answering) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def asked(*arguments, port, host):
    done = subprocess.run(
        [sys.executable, "-I", DEPLOY / "healthcheck.py", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HOST": host, "PORT": str(port)},
    )
    return done.returncode, done.stderr


def everywhere(server):
    return "::" if isinstance(server, OnIpv6) else "0.0.0.0"


def test_a_service_that_answers_is_well_wherever_it_listens(server):
    port = server.server_address[1]
    assert asked(port=port, host=server.server_address[0]) == (0, "")
    assert asked(port=port, host=everywhere(server)) == (0, "")


def test_without_a_host_it_is_sought_where_it_listens_by_default():
    with HTTPServer(("127.0.0.1", 0), Answering) as listening:
        thread = threading.Thread(target=listening.handle_request)
        thread.start()
        assert asked(port=listening.server_address[1], host="") == (0, "")
        thread.join()


def test_one_that_answers_anything_else_is_not(server):
    port = server.server_address[1]
    assert asked("/ready", port=port, host=everywhere(server)) == (1, "/ready: 503\n")


def test_one_that_is_not_there_is_not():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    code, said = asked(port=port, host="")
    assert code == 1
    assert said.startswith("/health: ")
    assert said.count("\n") == 1
