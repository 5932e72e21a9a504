# The parent of workers. One run takes the orders of one launch: their ids, a line each, on standard input. It waits
# for them until that ends; without any it ends as well. It outlives the server, so it keeps to what every sh has,
# and to builtins: a program for each of hundreds of workers would be most of a launch.
#
#   sh keeper.sh FOLDER SECONDS VERSION MEMORY CPU GROUPS WORK COMMAND
#
# FOLDER holds the workers' folders; SECONDS between two looks whether a worker's folder is still there; VERSION of the
# cgroups (1, 2, 0 for none);
# MEMORY and CPU: the groups whose figures are read at the end; GROUPS: all that a worker enters, its id is its
# folder in each. For workers of another user, WORK holds their working folders, and COMMAND starts a shell of that
# user in a session of its own, which reads the order. Without it the worker's process reads the order itself, which
# saves a program. None of them holds a space inside a word.
#
# In a worker's folder it writes keeper, started and ended, each of them begins with one line; without a newline at
# its end a line does not count. Descriptor 3 tells the server at once, while there is one.

set -fu
# What ends the server or its terminal must not end us; nor may a report to a server that is gone.
trap '' HUP INT QUIT TERM PIPE
folder=$1 seconds=$2 version=$3 memory=$4 cpu=$5 groups=$6 work=$7 command=$8
read -r boot </proc/sys/kernel/random/boot_id

# Sets pid and start (in clock ticks since the boot) of the very process that runs it.
identify() {
  read -r line </proc/self/stat || return 1
  pid=${line%% *}
  # The name in parentheses may hold anything, so what counts begins after the last of them.
  set -- ${line##*) }
  start=${20}
}

keep() {
  id=$1
  cd "$id" && identify || exit
  # Only one can create it: this keeper, or a server that wants to be sure that this order never starts.
  set -C
  printf '%s %s %s\n' "$pid" "$start" "$boot" >keeper || exit
  set +C
  code=125 signal=0
  {
    (begin)
    code=$?
  } 2>>keeper
  # Shells say to standard error what a signal ended, and only so 137 and SIGKILL can be told apart. Of SIGINT and
  # SIGPIPE they say nothing: 130 and 141 are exit codes, which a shell's own script ends with far more often.
  if [ "$code" -gt 128 ]; then { read -r _ && read -r _ && signal=1; } <keeper; fi
  measure
  # On a full disk it must wait: nobody else knows how the worker ended.
  until printf '%s %s %s %s %s\n' "$code" "$signal" "$oom" "$peak" "$used" >ended; do
    sleep 1
    [ -d "../$id" ] || exit
  done
  printf 'ended %s\n' "$id" >&3
}

# In the worker's own process, up to the moment where it becomes the worker.
begin() {
  exec >>log 2>&1 <order
  for group in $groups; do
    printf 0 >"$group/$id/cgroup.procs" || exit 125
  done
  identify || exit 125
  # From here on it may be told to end.
  trap - HUP INT QUIT TERM
  # Again only one can create it: a server that ends this worker before it has begun, or we.
  set -C
  printf '%s %s %s\n' "$pid" "$start" "$boot" >started || exit 125
  set +C
  # A server that is gone is nothing for the worker's output.
  printf 'started %s\n' "$id" 2>/dev/null >&3
  # Of the server it is so strict that nobody could share a file with their team.
  umask 022
  if [ -n "$work" ]; then cd "$work/$id"; else cd work; fi || exit 125
  exec 3>&-
  trap - PIPE
  [ -z "$command" ] || exec $command
  . ../order
}

# The figures of the whole worker, all its processes: kills for lack of memory, peak in bytes, CPU time.
measure() {
  oom=0 peak=0 used=0
  case $version in
  1) events=memory.oom_control highest=memory.max_usage_in_bytes usage=cpuacct.usage ;;
  2) events=memory.events highest=memory.peak usage=cpu.stat ;;
  *) return ;;
  esac
  if [ "$memory" != - ] && [ -r "$memory/$id/$events" ]; then
    while read -r key value; do
      if [ "$key" = oom_kill ]; then oom=$value; fi
    done <"$memory/$id/$events"
    if [ -r "$memory/$id/$highest" ]; then read -r peak <"$memory/$id/$highest"; fi
  fi
  if [ "$cpu" != - ] && [ -r "$cpu/$id/$usage" ]; then
    read -r key value <"$cpu/$id/$usage"
    # Version 1: nanoseconds alone. Version 2: usage_usec and microseconds.
    case $version in 1) used=$key ;; 2) used=${value}000 ;; esac
  fi
}

# Whoever removes a worker's folder means the worker, also when there is no server: `rm -r` of all of them ends all.
watch() {
  exec 3>&-
  nap= over=
  # The keepers have ended. What their workers left in the background may go on, and is watched where groups tell it.
  trap 'over=yes; [ -z "$nap" ] || kill "$nap"; [ -n "$groups" ] || exit' TERM
  while [ -n "$ids" ]; do
    doze
    left=
    for id in $ids; do
      if look; then left="$left $id"; fi
    done
    ids=$left
  done
  # The shell that began us tells us when its keepers have ended; should it be gone, nobody does.
  while [ -z "$over" ] && kill -0 "$$"; do doze; done
}

doze() {
  sleep "$seconds" &
  nap=$!
  wait "$nap"
  nap=
}

# Whether the worker has to be looked at again.
look() {
  if [ -d "$id" ]; then
    [ -e "$id/ended" ] || return 0
    # Without groups it would be a program for each.
    [ -n "$groups" ] || return 1
    list_processes
    [ -n "$pids" ] || return 1
    return 0
  fi
  signal=TERM
  eval "signal=\${next_$id:-TERM}; next_$id=KILL"
  list_processes
  [ -n "$pids" ] || return 1
  for pid in $pids; do kill -s "$signal" "$pid"; done
  return 0
}

# Sets pids: every process of the worker.
list_processes() {
  pids=
  for group in $groups; do
    [ -r "$group/$id/cgroup.procs" ] || continue
    while read -r pid; do pids="$pids $pid"; done <"$group/$id/cgroup.procs"
    return
  done
  # Its group has been removed, which takes that nothing is left in it.
  [ -z "$groups" ] || return 0
  # Without groups it is known by its tag, as every process that it began.
  set +f
  for file in $(grep -lz "^CLUSTER_WORKER_ID=$id\$" /proc/[0-9]*/environ); do
    pid=${file#/proc/}
    pids="$pids ${pid%/environ}"
  done
  set -f
}

ids= keepers=
while read -r id; do
  ids="$ids $id"
  # Not with `&`: what a shell begins in the background ignores SIGINT for ever, and so would the worker.
  keepers="${keepers:+$keepers | }(keep $id) </dev/null >/dev/null"
done
[ -n "$ids" ] && cd "$folder" || exit
watch </dev/null &
watcher=$!
eval "$keepers"
kill "$watcher"
