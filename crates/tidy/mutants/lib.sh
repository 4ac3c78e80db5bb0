# shellcheck shell=bash
# Sabotages crates in one place at a time and asks whether a test notices. Sourced by the lists of
# sabotages, which call `mutate` and, at the end, `judge`.
# Prints `mutation | caught by`; exits 1 if a mutation survives that isn't spare, or a spare one doesn't;
# 2 if one can't be made. A mutation
# that is caught by some tests isn't shown to the slower ones.
#
# All of them are built at once, into a copy, where a variable of the environment chooses one:
# building takes much longer than what most tests take.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target} RUST_BACKTRACE=0 RUSTFLAGS=
# Dependencies are what `make test` has built of them. What is built anew is optimised a little: it
# is run a hundred times.
export CARGO_PROFILE_TEST_OPT_LEVEL=1
# A place that stays the same, or each run would leave builds of its own behind.
copy=$CARGO_TARGET_DIR/mutants
mkdir -p "$CARGO_TARGET_DIR"
exec 9>"$CARGO_TARGET_DIR/mutants.lock"
flock -n 9 || { echo "it runs already, in $CARGO_TARGET_DIR" >&2; exit 2; }
rm -rf "$copy" && mkdir "$copy"
trap 'rm -rf "$copy"' EXIT
tar -C "$root" --exclude=target --exclude=./.git -cf - . | tar -C "$copy" -xmf -
list=$copy/list
: >"$list"
survived=0

# mutate NAME CRATE/FILE OLD NEW: OLD, an expression, stands in the crate's FILE exactly once; the
# mutation has NEW in its place. Where more text is needed to tell it from others, the expression
# stands between @@.
mutate() {
    printf '%s\0' "$@" >>"$list"
}

# spare REASON NAME CRATE/FILE OLD NEW: the same of a second line of defence, behind which no test is
# known to get. That it survives is expected and shown; that a test catches it by now is a failure,
# for then it belongs among the others.
declare -A spares=()
spare() {
    spares[$2]=$1
    shift
    mutate "$@"
}

sabotage() {
    python3 - "$copy/crates" "$list" <<'PY'
import sys
crates, list_ = sys.argv[1:]
words = open(list_).read().split("\0")[:-1]
path = lambda file: "{}/{}/src/{}".format(crates, *file.split("/", 1))
texts, broken = {}, False
for number, at in enumerate(range(0, len(words), 4)):
    name, file, old, new = words[at:at + 4]
    text = texts.setdefault(file, open(path(file)).read())
    before, expression, behind = old.split("@@") if "@@" in old else ("", old, "")
    whole = before + expression + behind
    # Two of the same place stand one in the other.
    if text.count(whole) != 1:
        print(f"{name}: its text stands {text.count(whole)} times in {file}", file=sys.stderr)
        broken = True
        continue
    both = f"(if crate::sabotaged({number}) {{ {new} }} else {{ {expression} }})"
    texts[file] = text.replace(whole, before + both + behind)
sabotaged = """
pub(crate) fn sabotaged(number: usize) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    let chosen = || std::env::var("AUDITSEAL_SABOTAGE").ok()?.parse().ok();
    *CHOSEN.get_or_init(chosen) == Some(number)
}
"""
for crate in {file.split("/")[0] for file in texts}:
    file = f"{crate}/lib.rs"
    lib = texts.get(file) or open(path(file)).read()
    texts[file] = "#![allow(warnings, clippy::all)]\n" + lib + sabotaged
for file, text in texts.items():
    open(path(file), "w").write(text)
sys.exit(broken)
PY
}

# judge CRATES GROUP… [-- WORD…]: the tests of the crates, of which the groups name those to run, the
# quick and likely ones first (`CRATE:lib` for those in the sources, `CRATE:*` for all others of a
# crate); with words, only the mutations whose names hold one of them; with `--check`, none.
judge() {
    local crates=$1 groups=() only=() name crate source program packages=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do groups+=("$1") && shift; done
    [ $# -eq 0 ] || { shift && only=("$@"); }
    sabotage || exit 2
    # `--check`: whether they still can be made is known in a second, and each change of the code may end it.
    [ "${only[*]:-}" != --check ] || { echo "each can be made"; exit 0; }
    for crate in $crates; do packages+=(-p "auditseal-$crate"); done
    if ! (cd "$copy" && cargo test --locked --offline --no-run "${packages[@]}") >"$copy/log" 2>&1; then
        echo "the mutations don't build" >&2
        grep -A12 '^error' "$copy/log" >&2 || true
        exit 2
    fi
    # Where each test was built. The crate is told by the program's name, or by where its source is.
    declare -gA built=()
    while read -r source program; do
        name=$(basename "$source" .rs)
        program=$(realpath "$copy/$program" 2>/dev/null || realpath "$program")
        case $name in
            lib)
                crate=$(basename "$program") && crate=${crate#auditseal_} && crate=${crate%-*}
                ;;
            *)
                for crate in $crates; do [ ! -e "$copy/crates/$crate/$source" ] || break; done
                ;;
        esac
        built[$crate:$name]=$program
    done < <(sed -nE 's/^ *Executable (unittests )?(\S+) \((.*)\)$/\2 \3/p' "$copy/log")
    local number=-1 found i
    for i in "${!groups[@]}"; do groups[i]=$(others "${groups[i]}"); done
    found=$(caught none "${groups[@]}")
    if [ -n "$found" ]; then
        echo "the sound crates fail: $found" >&2
        exit 2
    fi
    echo "mutation | caught by"
    while IFS= read -r -d '' name && IFS= read -r -d '' _ && IFS= read -r -d '' _ && IFS= read -r -d '' _; do
        number=$((number + 1))
        local wanted=${#only[@]} word
        for word in "${only[@]}"; do [[ $name == *"$word"* ]] && wanted=0; done
        [ "$wanted" = 0 ] || continue
        found=$(caught $number "${groups[@]}")
        if [ -n "${spares[$name]:-}" ]; then
            echo "$name | ${found:-nothing, as expected: ${spares[$name]}}"
            [ -z "$found" ] || survived=1
            continue
        fi
        echo "$name | ${found:-NOTHING}"
        [ -n "$found" ] || survived=1
    done <"$list"
    exit $survived
}

# A group with `CRATE:*` written out: all of the crate that no group names.
others() {
    local word name
    for word in $1; do
        case $word in
            *:\*)
                for name in "${!built[@]}"; do
                    [[ $name != "${word%\*}"* || " ${groups[*]} " == *" $name "* ]] || echo -n "$name "
                done
                ;;
            *) echo -n "$word " ;;
        esac
    done
}

# caught NUMBER GROUP…: the tests that notice it, of the first group in which some do.
caught() {
    local number=$1 group name found log=$copy/log
    shift
    for group in "$@"; do
        found=
        for name in $group; do
            [ -n "${built[$name]:-}" ] || { echo "no test $name" >&2; exit 2; }
            if (cd "$copy/crates/${name%:*}" &&
                AUDITSEAL_SABOTAGE=$number timeout 600 "${built[$name]}") >"$log" 2>&1; then
                continue
            fi
            local failed
            failed=$(grep -aoP '^test \K.*(?= \.\.\. FAILED)' "$log" | paste -sd' ')
            found+="${found:+ }${failed:-$name}"
            # One is enough.
            break
        done
        [ -z "$found" ] || break
    done
    echo "$found"
}
