#!/usr/bin/env python3
"""Ask the service of this machine for `/health`, or another path; exit code 0 where it answers 200.

Imports nothing of the service: it runs every few seconds. HOST and PORT are the service's own variables.
"""

import http.client
import os
import sys

ANSWER_WITHIN_S = 4.0


def main() -> int:
    """0 where the service is well, else 1 with a line that says why not."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/health"
    # Where it listens on all addresses, Linux takes that name for this machine's own.
    host = os.environ.get("HOST") or "127.0.0.1"
    port = int(os.environ.get("PORT") or "8000")
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_WITHIN_S)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return 1
    finally:
        connection.close()
    if status != http.client.OK:
        sys.stderr.write(f"{path}: {status}\n")
    return int(status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())
