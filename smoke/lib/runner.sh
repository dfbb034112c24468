# shellcheck shell=bash
# Which scenario runs where and when, and what came of it.

# Other scenarios, to try the harness itself.
SCENARIO_FILES=${BANGER_SCENARIOS:-$SMOKE/scenarios}
HOSTS=1         # side by side
LANES=()        # their processes
SHARED_PHASE='' # of this lane's host
LEFT_HOST=''    # by this lane's own scenarios, for those of the queue
PASSED=0
FAILED=0
RUN_DIR=''
BUDGET_S='' # seconds of all, where they are limited
CUT_S=900   # so long after those, what still runs is ended
LEFT_OUT=0

# scenario_header FILE KEY DEFAULT
scenario_header() {
        local value
        value=$(sed -n "s/^# $2: *//p" "$1" | head -n 1)
        printf '%s\n' "${value:-$3}"
}

scenario_list() {
        local file
        for file in "$SCENARIO_FILES"/*; do
                printf '%-44s %-10s %s\n' "${file##*/}" "$(scenario_header "$file" phase installed)" \
                        "$(scenario_header "$file" host shared)"
        done
}

# scenario_find NAME prints the file; the number in front may be missing.
scenario_find() {
        local file
        for file in "$SCENARIO_FILES/$1" "$SCENARIO_FILES"/*-"$1"; do
                [[ ! -f $file ]] || {
                        printf '%s\n' "$file"
                        return
                }
        done
        die "no scenario $1"
}

# budget_left FILE: whether there is time for it; says so where not.
budget_left() {
        [[ -z $BUDGET_S ]] || ((SECONDS < BUDGET_S)) || {
                left_out "$1"
                return 1
        }
}

left_out() {
        say "left out, for want of time: ${1##*/}"
        LEFT_OUT=$((LEFT_OUT + 1))
}

# select_files HOST PHASE prints which of SCENARIOS belong there.
select_files() {
        local file
        for file in "${SCENARIOS[@]}"; do
                [[ $(scenario_header "$file" host shared) == "$1"* ]] || continue
                [[ $2 == any || $(scenario_header "$file" phase installed) == "$2" ]] || continue
                printf '%s\n' "$file"
        done
}

# order_files: for hosts side by side the few long ones come first, so that none waits long for the others
# at the end.
order_files() {
        local file
        while read -r file; do
                printf '%d %s\n' $((HOSTS > 1 && $(scenario_header "$file" deadline 60) >= 900)) "$file"
        done | sort -s -k 1,1nr | cut -d' ' -f2-
}

# runner_run KEEP NAME...
runner_run() {
        local keep=$1 name began
        shift
        began=$(now_ms)
        SCENARIOS=()
        for name in "$@"; do SCENARIOS+=("$(scenario_find "$name")"); done
        ((${#SCENARIOS[@]})) || SCENARIOS=("$SCENARIO_FILES"/*)

        RUN_DIR=${BANGER_SMOKE_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/banger-smoke.XXXXXX")}
        mkdir -p "$RUN_DIR"
        trap runner_end EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        hosts_slow
        product_payload "$RUN_DIR/payload.tar"
        lanes_run

        runner_end
        rm -f "$RUN_DIR/payload.tar"
        note "scenarios took $(seconds_since "$began") s"
        if ((FAILED)) || [[ $keep == yes ]]; then
                rm -f "$RUN_DIR"/hosts/*/disk.qcow2
                say "logs: $RUN_DIR"
        else
                rm -rf "$RUN_DIR"
        fi
        ((LEFT_OUT == 0)) || say "$LEFT_OUT scenarios were left out"
        say "$PASSED passed, $FAILED failed"
        ((FAILED == 0))
}

# hosts_slow: an emulated host's clock is slowed as far as the waiting that this lengthens costs little, and
# all limits here are as much longer. On a shared machine it had spells of a fifth
# of its speed.
hosts_slow() {
        if [[ $(qemu_accel) == tcg ]]; then
                export BANGER_HOST_CLOCK=${BANGER_HOST_CLOCK:-3}
        else
                BANGER_HOST_CLOCK=1
        fi
        STRETCH=$((HOSTS * BANGER_HOST_CLOCK))
        export BANGER_STRETCH=$STRETCH
}

runner_end() {
        local dir
        ((${#LANES[@]} == 0)) || kill "${LANES[@]}" 2>/dev/null || true
        for dir in "$RUN_DIR"/hosts/*; do
                [[ ! -d $dir ]] || host_end "$dir"
        done
}

# lanes_run: every lane is a process with a host of its own; what any of them may run, they take from one
# queue. Of hosts side by side each has one processor: a VM starts as fast on that, and the emulator neither
# waits for its other thread nor meets the fault that freezes a host of two.
lanes_run() {
        local lane passed failed left_out
        ((HOSTS == 1)) || export BANGER_HOST_CPUS=${BANGER_HOST_CPUS:-1}
        select_files shared installed | order_files >"$RUN_DIR/queue"
        for ((lane = 1; lane <= HOSTS; lane++)); do
                rm -f "$RUN_DIR/lane-$lane"
                lane_main "$lane" &
                LANES+=($!)
        done
        wait "${LANES[@]}" || true
        LANES=()
        for ((lane = 1; lane <= HOSTS; lane++)); do
                passed=0 failed=1 left_out=0
                [[ ! -s $RUN_DIR/lane-$lane ]] || read -r passed failed left_out <"$RUN_DIR/lane-$lane"
                PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) LEFT_OUT=$((LEFT_OUT + left_out))
        done
        rm -f "$RUN_DIR"/queue* "$RUN_DIR"/lane-*
}

# lane_main LANE: the first sees a host from before the install until after the uninstall, the last runs what
# needs hosts of its own.
lane_main() {
        ((HOSTS == 1 || $1 < HOSTS)) || run_own
        run_shared "$1"
        ((HOSTS > 1)) || run_own
        say "$PASSED $FAILED $LEFT_OUT" >"$RUN_DIR/lane-$1"
}

# queue_take prints the next scenario of the queue; 1 when there is none left.
queue_take() (
        exec 9>>"$RUN_DIR/queue.lock"
        flock 9
        [[ -s $RUN_DIR/queue ]] || exit 1
        head -n 1 "$RUN_DIR/queue"
        sed -i 1d "$RUN_DIR/queue"
)

# run_shared LANE: one host, all that can share it, in the order of a host's life.
run_shared() {
        local name=shared file
        (($1 == 1)) || name=shared-$1
        [[ -s $RUN_DIR/queue || ($1 == 1 && -n $(select_files shared any)) ]] || return 0
        if [[ -n $LEFT_HOST ]]; then
                name=$LEFT_HOST
        else
                SHARED_PHASE=bare
                host_prepare "$name" bare shared || return 0
                run_phase "$1" "$name" bare
                if [[ -s $RUN_DIR/queue || -n $(select_files shared last) ]]; then
                        host_install "$name" || return 0
                fi
        fi
        SHARED_PHASE=installed
        while file=$(queue_take); do
                budget_left "$file" || continue
                scenario_run "$file" "$name"
        done
        run_phase "$1" "$name" last
        host_end "$RUN_DIR/hosts/$name"
}

# run_phase LANE HOST PHASE: what is for the first lane only.
run_phase() {
        local file files
        (($1 == 1)) || return 0
        mapfile -t files < <(select_files shared "$3")
        for file in "${files[@]}"; do scenario_run "$file" "$2"; done
}

# run_own leaves the last host, where its scenario passed, to a queue that comes after it.
run_own() {
        local file name files failed phase
        mapfile -t files < <(select_files own any)
        for file in "${files[@]}"; do
                name=${file##*/}
                budget_left "$file" || continue
                [[ -z $LEFT_HOST ]] || host_end "$RUN_DIR/hosts/$LEFT_HOST"
                LEFT_HOST=''
                phase=$(scenario_header "$file" phase installed)
                host_prepare "$name" "$phase" "$(scenario_header "$file" host own)" || continue
                failed=$FAILED
                scenario_run "$file" "$name"
                if ((HOSTS > 1 && FAILED == failed)) && [[ $phase == installed ]]; then
                        LEFT_HOST=$name
                else
                        host_end "$RUN_DIR/hosts/$name"
                fi
        done
}

# host_prepare NAME PHASE KIND boots a host with the product's files in it, and
# installs them unless PHASE is bare. What cannot be prepared counts as failed.
host_prepare() {
        local dir=$RUN_DIR/hosts/$1 options=()
        mkdir -p "$dir"
        [[ $3 != *lasting* ]] || options+=(--lasting)
        if ! "$SMOKE/host" up --payload "$RUN_DIR/payload.tar" "${options[@]}" "$dir" ||
                ! product_place "$dir"; then
                result_failed "host-$1" 'the host cannot be prepared' "$dir"
                return 1
        fi
        [[ $2 == bare ]] || host_install "$1"
}

host_install() {
        local dir=$RUN_DIR/hosts/$1 began
        began=$(now_ms)
        manifest_before "$dir"
        if ! product_install "$dir" >"$dir/install.log" 2>&1 </dev/null; then
                result_failed "install-on-$1" "$(tail -n 1 "$dir/install.log")" "$dir"
                return 1
        fi
        say "ok install-on-$1 $(seconds_since "$began")s"
        PASSED=$((PASSED + 1))
}

# manifest_before DIR: what the uninstall must come back to.
manifest_before() {
        login_root "$1" 'bash -s' <"$SMOKE/lib/manifest" >"$1/manifest.before"
}

# scenario_run FILE HOST: once; once more, and that is said, where the emulator is to blame: on a new
# host if it froze, on the same one if it reset a guest.
scenario_run() {
        local phase since
        phase=$(scenario_header "$1" phase installed)
        since=$(host_time "$2")
        scenario_attempt "$1" "$2" && return
        if host_frozen "$RUN_DIR/hosts/$2"; then
                say "# ${1##*/}: the host froze; running it again on a new one"
                evidence_keep "$RUN_DIR/hosts/$2" "$RUN_DIR/${1##*/}"
                mv "$RUN_DIR/${1##*/}" "$RUN_DIR/${1##*/}.frozen"
                host_end "$RUN_DIR/hosts/$2"
                mv "$RUN_DIR/hosts/$2" "$RUN_DIR/hosts-frozen-$2"
                [[ $2 != shared* ]] || phase=$SHARED_PHASE
                host_prepare "$2" "$phase" "$(scenario_header "$1" host shared)" || return 0
                scenario_attempt "$1" "$2" && return
        elif guest_was_reset "$RUN_DIR/${1##*/}" "$2" "$since"; then
                say "# ${1##*/}: a guest was reset; running it again"
                mv "$RUN_DIR/${1##*/}" "$RUN_DIR/${1##*/}.reset"
                host_repair "$2"
                scenario_attempt "$1" "$2" && return
        fi
        evidence_keep "$RUN_DIR/hosts/$2" "$RUN_DIR/${1##*/}"
        result_failed "${1##*/}" "$(<"$RUN_DIR/${1##*/}/why")" ''
        host_repair "$2"
}

# host_time HOST: of a clock that is not this machine's.
host_time() { LOGIN_TIMEOUT_S=60 login_root "$RUN_DIR/hosts/$1" 'date +%s' || say 0; }

# host_repair HOST: a scenario that ended half way must not fail those after it.
host_repair() {
        [[ $SHARED_PHASE == installed ]] || return 0
        LOGIN_TIMEOUT_S=60 login_root "$RUN_DIR/hosts/$1" "systemctl reset-failed
                systemctl start bangerd.socket bangerd-root.socket bangerd.service" >/dev/null 2>&1 || true
}

# scenario_attempt FILE HOST leaves the log and, of a failure, the reason. One that the end of all time
# ends is no failure.
scenario_attempt() {
        local name=${1##*/} dir=$RUN_DIR/${1##*/} deadline began status=0 calls cut=no
        deadline=$(scenario_header "$1" deadline 60)
        deadline=$((deadline * STRETCH))
        [[ ${BANGER_SANITIZERS:-no} == no ]] || deadline=$((deadline * 4))
        if [[ -n $BUDGET_S ]] && ((SECONDS + deadline > BUDGET_S + CUT_S)); then
                cut=yes deadline=$((BUDGET_S + CUT_S - SECONDS))
                ((deadline > 0)) || { left_out "$1" && return; }
        fi
        mkdir -p "$dir"
        began=$(now_ms)
        HOST_DIR=$RUN_DIR/hosts/$2 SCENARIO_DIR=$dir PRIVILEGED=$(scenario_header "$1" privileged no) \
                timeout -k 5 "$deadline" bash "$1" >"$dir/log" 2>&1 </dev/null || status=$?
        login_close "$RUN_DIR/hosts/$2" owner
        login_close "$RUN_DIR/hosts/$2" other
        # A command of its own may have run into its own limit.
        if [[ $status == 124 || $status == 137 ]] && (($(now_ms) - began >= deadline * 1000)); then
                [[ $cut == no ]] || { left_out "$1" && return; }
                say "its deadline of $deadline s passed; last: $(tail -n 1 "$dir/log")" >"$dir/why"
        elif ((status != 0)) && [[ ! -s $dir/why ]]; then
                say "status $status: $(tail -n 1 "$dir/log")" >"$dir/why"
        fi
        if ((status == 0)) && calls=$(privilege_calls "$2") && [[ -n $calls ]]; then
                say "needed privilege: $calls" >"$dir/why"
                status=1
        fi
        if ((status == 0)) && [[ ${BANGER_SANITIZERS:-no} != no ]] && sanitizer_reports "$2" "$dir"; then
                say "a sanitizer reports: $(grep -m1 -E "$SANITIZER_REPORT" "$dir/log" "$dir/reports.txt")" >"$dir/why"
                status=1
        fi
        ((status == 0)) || return 1
        say "ok $name $(seconds_since "$began")s"
        PASSED=$((PASSED + 1))
}

SANITIZER_REPORT='(Address|Leak|UndefinedBehavior)Sanitizer|runtime error:'
# sanitizer_reports HOST DIR: did one say something, in the log or since the last time in the journal?
sanitizer_reports() {
        LOGIN_TIMEOUT_S=60 login_root "$RUN_DIR/hosts/$1" "journalctl --no-pager -b --cursor-file=/run/smoke-cursor |
                grep -A30 -E '$SANITIZER_REPORT'" >"$2/reports.txt" || true
        grep -qE "$SANITIZER_REPORT" "$2/log" "$2/reports.txt"
}

# privilege_calls HOST prints, and forgets, what called sudo.
privilege_calls() {
        LOGIN_TIMEOUT_S=60 login_root "$RUN_DIR/hosts/$1" \
                'xargs -rd "\n" </var/lib/smoke/privilege.log; : >/var/lib/smoke/privilege.log'
}

host_frozen() {
        local dir=$1
        LOGIN_TIMEOUT_S=25 login_root "$dir" true 2>/dev/null && return 1
        # It may only be slow: it is frozen once its heart has stopped for good.
        local before
        before=$(stat -c %s "$dir/heart.log")
        ! wait_until "$HOST_SILENCE_S" heart_beats_after "$dir" "$before"
}

# guest_was_reset DIR HOST SINCE: a guest ended without a word of its kernel, which says so when it panics or
# reboots, as it booted or later: a triple fault, seen once in some tens of boots in nested emulation. One that
# nobody waited for is in the journal only.
guest_was_reset() {
        { cat "$1/log" "$1/why"
                LOGIN_TIMEOUT_S=60 login_root "$RUN_DIR/hosts/$2" "journalctl -q -u bangerd.service --since=@$3 -o cat"
        } 2>/dev/null | grep 'the VMM ended before the guest was ready\|its VMM ended without a word of the guest' |
                grep -qvi 'panic\|reboot'
}

heart_beats_after() { (($(stat -c %s "$1/heart.log") > $2)); }

# result_failed NAME WHY DIR
result_failed() {
        say "not ok $1: $(head -n 1 <<<"$2")"
        FAILED=$((FAILED + 1))
        [[ -z $3 ]] || evidence_keep "$3" "$3"
}
