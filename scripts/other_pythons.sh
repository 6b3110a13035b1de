# Sourced by scripts/test: the interpreter package's tests under the Pythons that a pool may
# run, which are others than the server's.  POSIX sh; needs $root.
#
# Each has a virtual environment below .venv/other, with pytest and no more.

other_versions="3.8 3.11 3.13"
other_requirements='pytest>=8
legacy-cgi>=2.6; python_version >= "3.13"'

# Shows where it is, and fails, when it has hung for long.  Leaves at once: Python 3.8 would
# wait for ever for a thread whose join() was interrupted at a bad moment (bpo-45274).
run_pytest='
import faulthandler, os, sys, pytest
sys.path[0] = os.getcwd()
faulthandler.dump_traceback_later(600, exit=True, file=os.dup(2))
status = pytest.main(sys.argv[1:])
sys.stdout.flush()
os._exit(status)'

# Print the path of a Python of that version; fail if there is none.
find_version() {
    for name in "python$1" "${PYENV_ROOT:-${HOME-}/.pyenv}/versions/$1".*/bin/python; do
        "$name" -c '
import sys
if "%d.%d" % sys.version_info[:2] != sys.argv[1]:
    sys.exit(1)
print(sys.executable)' "$1" 2>/dev/null && return
    done
    return 1
}

# prepare_other FOLDER PYTHON: make or refresh a virtual environment; the stamp comes last.
prepare_other() {
    wanted=$("$2" -c 'import sys; print(sys.executable, sys.version)' 2>/dev/null)
    wanted="$wanted $1 $other_requirements"
    if [ "$(cat "$1/stamp" 2>/dev/null)" != "$wanted" ] ||
        ! "$1/bin/python" -c 'import pytest' 2>/dev/null; then
        rm -rf "$1"
        "$2" -m venv "$1" || return
        printf '%s\n' "$other_requirements" >"$1/requirements.txt"
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check \
            --requirement "$1/requirements.txt" || return
        printf '%s\n' "$wanted" >"$1/stamp"
    fi
}

# Print the version of the Python that runs all the other tests.
main_version() {
    "$root/.venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# test_under VERSION FOLDER: print one line; fail, with all that pytest said, if a test does.
test_under() {
    if [ "$(main_version)" = "$1" ]; then
        echo "Python $1: the one of .venv, with all the other tests"
        return 0
    fi
    python=$(find_version "$1") || {
        echo "Python $1: skipped: not installed"
        return 0
    }
    mkdir -p "$root/.venv/other"
    prepare_other "$2" "$python" >"$2.log" 2>&1 || {
        echo "Python $1: skipped: pytest could not be installed, see $2.log"
        return 0
    }
    # No cache and no coverage: they are the main run's, which these run beside.
    "$2/bin/python" -c "$run_pytest" -q -p no:cacheprovider \
        --confcutdir=tests/interpreter tests/interpreter >"$2.log" 2>&1 || {
        cat "$2.log"
        echo "Python $1: failed"
        return 1
    }
    echo "Python $1: $(tail -n 1 "$2.log")"
}

# Test under all that are installed, side by side; fail if one fails.
test_under_others() {
    others=
    for version in $other_versions; do
        test_under "$version" "$root/.venv/other/$version" &
        others="$others $!"
    done
    outcome=0
    for other in $others; do
        wait "$other" || outcome=1
    done
    return $outcome
}
