# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
# shellcheck shell=bash
#
# Kill sweeps: a command is killed at every system call that changes anything, and the store dies
# before and after every request. To be sourced in the source tree's top folder; it brings tests/lib.sh
# along, makes T_DIR, and removes it in the end. A test calls:
#
#   sweep_setup [DCOSD-OPTION…]              the stand-in "main", a login, and two configurations
#   sweep_save [FILE]…                       what each point starts from: the files, the secrets
#   sweep NAME CHECK FINISH -- COMMAND…      one check of TAP for each system call and process
#   sweep_store NAME CHECK FINISH -- COMMAND…    the same for the requests
#   sweep_figure NAME                        how many points there were
#
# At each point: the state is put back, COMMAND runs and is killed, then "CHECK killed", FINISH,
# "CHECK finished". CHECK and FINISH are functions; they fail by their status, and what they print
# is shown. $SWEEP_ERR holds what COMMAND said on standard error. COMMAND reads $SWEEP_STDIN
# (/dev/null).
#
# strace counts "when=N" for each system call name and process, so there is one sweep for each name
# and each of pxenc and pxenc-fetch. The kill comes before the call is made; what the last call of
# a sweep did is seen where the next call of another name is killed. A sweep ends at the first N at
# which nobody is killed any more, and fails if that is not the count of a run that was let be, or
# if a process came to its Nth call and lived. More, or one fewer, are fine for sendto alone: how
# often the network is written to depends on the moment.
#
# Neither process is dumpable, but strace starts them, so this needs no root.

# What changes something that outlives the process, or that another process sees.
SWEEP_CHANGES=' write pwrite64 writev pwritev pwritev2 sendfile splice tee vmsplice copy_file_range
    sendto sendmsg sendmmsg shutdown ioctl fsync fdatasync sync syncfs sync_file_range msync
    rename renameat renameat2 unlink unlinkat rmdir mkdir mkdirat link linkat symlink symlinkat
    mknod mknodat truncate ftruncate fallocate chmod fchmod fchmodat chown fchown fchownat lchown
    utimensat futimesat utime utimes setxattr lsetxattr fsetxattr removexattr lremovexattr
    fremovexattr mount umount2 fsconfig fsmount move_mount mount_setattr swapon swapoff semop
    semtimedop semctl add_key keyctl request_key msgsnd io_uring_enter io_submit kill tgkill tkill '

# What only reads, waits, or concerns the process alone. An open may create a file: whatever comes
# of it comes by one of the calls above.
SWEEP_HARMLESS=' read pread64 readv preadv preadv2 recvfrom recvmsg recvmmsg open openat openat2
    close close_range stat fstat lstat newfstatat statx access faccessat faccessat2 readlink
    readlinkat lseek getdents getdents64 getcwd chdir fchdir dup dup2 dup3 fcntl flock pipe pipe2
    memfd_create statfs fstatfs fadvise64 readahead umask name_to_handle_at inotify_init1
    inotify_add_watch inotify_rm_watch
    mmap munmap mprotect mremap madvise mlock mlock2 mlockall munlock munlockall brk mincore
    socket connect bind listen accept4 getsockname getpeername getsockopt setsockopt socketpair
    poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
    timerfd_create timerfd_settime futex restart_syscall sched_yield sched_getaffinity
    sched_setaffinity sched_getparam sched_getscheduler sched_setscheduler setpriority getpriority
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getrusage alarm
    getitimer setitimer pause rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait
    rt_sigpending rt_sigsuspend sigaltstack signalfd4
    fork vfork clone clone3 execve execveat wait4 waitid exit exit_group pidfd_open
    pidfd_send_signal unshare set_tid_address set_robust_list get_robust_list rseq arch_prctl prctl
    prlimit64 getrlimit setrlimit personality getpid getppid gettid getpgrp getpgid setpgid getsid
    setsid getuid geteuid getgid getegid getgroups getresuid getresgid setuid setgid setreuid
    setregid setresuid setresgid setgroups setfsuid setfsgid capget capset seccomp
    landlock_create_ruleset landlock_add_rule landlock_restrict_self uname sysinfo getrandom
    getcpu membarrier semget shmget shmat shmdt bpf '

# What is written through to the disk takes its time, and there is no need for it here.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
T_DIR=$(mktemp -d)
# shellcheck source=../lib.sh
. tests/lib.sh
trap 'dcosd_stop main; rm -rf "$T_DIR"' EXIT
t_own_run_dir
export PXENC_CONFIG=$T_DIR/config.json

# sweep_setup [DCOSD-OPTION…]: $T_DIR/hasty.json is for commands whose store is gone.
sweep_setup() {
    bash tests/dcosd/certs.sh "$T_DIR/certs" || return 1
    dcosd_start main 127.0.0.1:0 --user u:p --grant 'u:dcos:secrets:default:/*:full' "$@" || return 1
    T_TIMEOUT=0 write_config "$PXENC_CONFIG" cluster_url "\"$DCOSD_URL_main\"" ca_cert_file "\"$T_DIR/certs/ca.crt\""
    sed 's/"timeout": 0/"timeout": 2/' "$PXENC_CONFIG" >"$T_DIR/hasty.json" && chmod 600 "$T_DIR/hasty.json"
    printf p | pxenc secrets dcos login --username u --password-stdin
}

SWEEP_STDIN=/dev/null
# The program itself: not what libtool might leave in its place.
SWEEP_FETCH=$(dirname "$(dirname "$(command -v pxenc)")")/pxenc-fetch
SWEEP_STRIDE=${SWEEP_STRIDE-1} # where there are too many points: one in so many
SWEEP_MANY=5

# sweep_stride COUNT: sets the caller's stride, and each, which says it.
sweep_stride() {
    stride=1 each=each
    [ "$1" -le $SWEEP_MANY ] || [ "$SWEEP_STRIDE" = 1 ] || stride=$SWEEP_STRIDE each="one in $SWEEP_STRIDE"
}

SWEEP_SHOWN=5 # failures that are told in full

# sweep_save [FILE]…
# shellcheck disable=SC2120  # there may be none
sweep_save() {
    local i
    SWEEP_FILES=("$@")
    SWEEP_DIR=$T_DIR/sweep
    SWEEP_ERR=$SWEEP_DIR/err
    SWEEP_POINTS=0
    mkdir -p "$SWEEP_DIR"
    for i in "${!SWEEP_FILES[@]}"; do cp --sparse=always "${SWEEP_FILES[i]}" "$SWEEP_DIR/saved$i" || return; done
    dcosd_control main save/sweep
}

sweep_restore() {
    local i
    for i in "${!SWEEP_FILES[@]}"; do
        cp "$SWEEP_DIR/saved$i" "${SWEEP_FILES[i]}" || return
    done
    dcosd_control main restore/sweep
}

# The command under strace, with OPTIONS for one of its processes: sweep_trace PROCESS OPTIONS…
# -- COMMAND…. Leaves one trace for each process of that name in $SWEEP_DIR/trace.*, and the
# command's status in SWEEP_STATUS.
sweep_trace() {
    local process=$1 options=() file
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    rm -f "$SWEEP_DIR"/trace.*
    if [ "$process" = pxenc ]; then
        set -- strace "${options[@]}" -o "$SWEEP_DIR/trace.1" "$@"
    else
        # In pxenc-fetch's place. Its environment is clean, so that all of it stands here. By -D
        # pxenc's child is pxenc-fetch, and its killing it does not end the trace.
        # shellcheck disable=SC2016  # for the script
        printf '#!/bin/sh\nexec strace -D %s -o %s.$$ %s\n' "${options[*]@Q}" "$SWEEP_DIR/trace" \
            "$SWEEP_FETCH" >"$SWEEP_DIR/fetch"
        chmod 755 "$SWEEP_DIR/fetch"
        set -- env PXENC_TEST_FETCH="$SWEEP_DIR/fetch" "$@"
    fi
    # Bash would tell of each kill.
    (exec timeout --foreground 100 "$@") <"$SWEEP_STDIN" >"$SWEEP_DIR/out" 2>"$SWEEP_ERR"
    SWEEP_STATUS=$?
    # A tracer may end after what it traced, and its last line is always this one.
    for file in "$SWEEP_DIR"/trace.*; do wait_for 10 tail_is "$file" '+++ ' || return; done
} 2>/dev/null

tail_is() { [[ $(tail -n 1 "$1") = "$2"* ]]; }

# The names of the calls in a trace, one a line.
sweep_calls() { sed -nE 's/^([a-z_0-9]+)\(.*/\1/p' "$1"; }

# "COUNT NAME" for the calls that change something. When a process runs more than once, what
# counts is the run with the most. Fails on a call that is in neither list.
sweep_count() {
    local trace name unknown
    unknown=$(for trace in "$SWEEP_DIR"/trace.*; do sweep_calls "$trace"; done | sort -u |
        while read -r name; do
            [[ $SWEEP_CHANGES$SWEEP_HARMLESS =~ [[:space:]]${name}[[:space:]] ]] || echo "$name"
        done)
    [ -z "$unknown" ] || {
        echo "does it change anything? tests/tools/kill-sweep.sh does not know:" "$unknown"
        return 1
    }
    for trace in "$SWEEP_DIR"/trace.*; do sweep_calls "$trace" | sort | uniq -c; done |
        while read -r count name; do
            [[ $SWEEP_CHANGES =~ [[:space:]]${name}[[:space:]] ]] && echo "$count $name"
        done | sort -k2,2 -k1,1nr | sort -u -k2,2
}

# Whether some process came to its Nth call, and so was killed there.
sweep_reached() {
    local trace
    for trace in "$SWEEP_DIR"/trace.*; do
        [ "$(sweep_calls "$trace" | wc -l)" -lt "$1" ] || return 0
    done
    return 1
}

# Whether some process died of it.
sweep_killed() {
    local trace
    for trace in "$SWEEP_DIR"/trace.*; do
        ! tail_is "$trace" '+++ killed by SIGKILL' || return 0
    done
    return 1
}

# What must hold at one point, and after it. Prints what does not.
sweep_point() {
    local check=$1 finish=$2 stage=killed
    SWEEP_POINTS=$((SWEEP_POINTS + 1))
    # The kill may come when the work is done.
    [ "$SWEEP_STATUS" != 0 ] || stage=finished
    "$check" $stage || { echo "the check failed after the kill"; return 1; }
    "$finish" || { echo "it cannot be finished"; return 1; }
    "$check" finished || { echo "the check failed after it was finished"; return 1; }
}

# Adds to the caller's failures.
sweep_failed() {
    failures=$((failures + 1))
    [ "$failures" -gt $SWEEP_SHOWN ] || {
        echo "$1:"
        cat "$SWEEP_DIR/point"
        echo "(it had said: $(cat "$SWEEP_ERR"))"
    } >>"$SWEEP_DIR/failures"
}

# The points of one system call of one process: sweep_call NAME CHECK FINISH PROCESS CALL COUNT --
# COMMAND…
sweep_call() {
    local name=$1 check=$2 finish=$3 process=$4 call=$5 count=$6 least=$6 failures=0 n stride each
    shift 7
    sweep_stride "$count"
    : >"$SWEEP_DIR/failures"
    for ((n = 1; n <= count + 10 + stride; n += stride)); do
        sweep_restore || return
        sweep_trace "$process" -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" -- "$@"
        sweep_reached $n || break
        sweep_killed || echo "$process came to $call $n and lives" >>"$SWEEP_DIR/failures"
        sweep_point "$check" "$finish" >"$SWEEP_DIR/point" 2>&1 || sweep_failed "$process killed at $call $n"
    done
    # n is the first that was not reached. The last that is sent says farewell, if there is time.
    [ "$call" != sendto ] || [ "$count" = 1 ] || least=$((count - 1))
    { [ "$n" -gt "$least" ] && { [ $((n - stride)) -le "$count" ] || [ "$call" = sendto ]; }; } ||
        echo "reached $((n - stride)) points, counted $count" >>"$SWEEP_DIR/failures"
    [ "$SWEEP_STATUS" = 0 ] || echo "with nobody killed it ended with $SWEEP_STATUS: $(cat "$SWEEP_ERR")" \
        >>"$SWEEP_DIR/failures"
    check_equal "$name: $process killed at $each of its $count $call" "$(cat "$SWEEP_DIR/failures")" ''
}

sweep() {
    local name=$1 check=$2 finish=$3 process count call counts
    shift 4
    for process in pxenc pxenc-fetch; do
        sweep_restore || return
        sweep_trace "$process" -- "$@"
        if [ "$SWEEP_STATUS" != 0 ] || ! counts=$(sweep_count) || [ -z "$counts" ]; then
            t_not_ok "$name: $process can be counted" "status $SWEEP_STATUS" "$(cat "$SWEEP_ERR")" "${counts-}"
            return
        fi
        while read -r count call <&4; do
            sweep_call "$name" "$check" "$finish" "$process" "$call" "$count" -- "$@"
        done 4<<<"$counts"
    done
}

# The store goes before it acts on a request, or after, when its answer is lost; and stays away
# until the command has ended. Every request of the command, the first to the last.
sweep_store() {
    local name=$1 check=$2 finish=$3 count k fault failures=0 stride each
    shift 4
    sweep_restore || return
    count=$(requests main .)
    sed -i.kept 's/"timeout": [0-9]*/"timeout": 60/' "$T_DIR/hasty.json"
    sweep_plain "$@"
    mv "$T_DIR/hasty.json.kept" "$T_DIR/hasty.json"
    count=$(($(requests main .) - count))
    : >"$SWEEP_DIR/failures"
    [ "$SWEEP_STATUS" = 0 ] || echo "with the store there it ended with $SWEEP_STATUS: $(cat "$SWEEP_ERR")" \
        >>"$SWEEP_DIR/failures"
    sweep_stride "$count"
    for fault in drop drop-after; do
        for ((k = 0; k < count; k += stride)); do
            sweep_restore && dcosd_control main faults "$fault@*:*#1+$k"$'\n'"drop@*:*#*+$k" || return
            sweep_plain "$@"
            dcosd_control main faults
            sweep_point "$check" "$finish" >"$SWEEP_DIR/point" 2>&1 || sweep_failed "$fault at request $((k + 1))"
        done
    done
    [ "$count" -gt 0 ] || echo 'it made no request' >>"$SWEEP_DIR/failures"
    check_equal "$name: the store gone before, and after, $each of its $count requests" \
        "$(cat "$SWEEP_DIR/failures")" ''
}

sweep_plain() {
    "$@" <"$SWEEP_STDIN" >"$SWEEP_DIR/out" 2>"$SWEEP_ERR"
    SWEEP_STATUS=$?
}

sweep_figure() { echo "figure: $1: $SWEEP_POINTS points, each checked, finished and checked again"; }
