# Sourced by the other scripts: make or refresh .venv.  POSIX sh, needs only Python 3.
#
# A stamp in .venv is written last: without the right one, the rest is not trusted.

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Print the first Python that is new enough.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    fail "Python 3.10 or newer is needed; neither python3, nor python3.10 to python3.14," \
        "is one.  Install it with your system's package manager."
}

# What .venv was made for: the place (it cannot be moved), and the requirements.
fingerprint() {
    "$1" -c '
import hashlib, sys
digest = hashlib.sha256(sys.argv[1].encode())
with open(sys.argv[1] + "/pyproject.toml", "rb") as file:
    digest.update(file.read())
print(digest.hexdigest())' "$root"
}

# Tell whether the stamp is right and the interpreter behind .venv is still there.
has_stamp() {
    [ "$(cat "$venv/stamp-$1" 2>/dev/null)" = "$wanted" ] &&
        "$venv/bin/python" -I -c 'import httpout_cgi' 2>/dev/null
}

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable "$root$1" || fail "pip could not install what pyproject.toml asks for"
    printf '%s\n' "$wanted" >"$venv/stamp-$2"
}

# prepare KIND: "run" for the server alone, "test" for the checks as well.
prepare() {
    venv=$root/.venv
    python=$(find_python) || exit 1
    wanted=$(fingerprint "$python") || exit 1
    if ! has_stamp run && ! has_stamp test; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$python cannot make virtual environments." \
                "On Debian and Ubuntu: apt-get install python3-venv"
        echo "making $venv with $("$python" --version), this happens once" >&2
        rm -rf "$venv"
        "$python" -m venv "$venv" || fail "$python could not make $venv"
    fi
    case $1 in
    run) has_stamp run || has_stamp test || install "" run ;;
    test) has_stamp test || install "[dev]" test ;;
    esac
}
