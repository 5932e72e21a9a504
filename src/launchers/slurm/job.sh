# What Slurm runs for each worker, on the worker's node; the launcher puts `folder` and `batch` before it. It finds its
# worker by the number of its array task. Up to the worker's start it keeps to builtins: with many at once, each program
# that a job runs before is felt.
#
# In a worker's folder it makes `taken`, does what `order` says and writes `output`, `shell` and `ended`. A file in
# `news` tells the server, which looks there, that it is worth to ask Slurm.

set -fu
# Of these the worker hears, which begins with its own; we have to write how it ended.
trap '' HUP INT QUIT TERM PIPE

# The order may have been withdrawn with its whole folder.
[ -d "$folder/workers" ] || exit 125
set +f
for place in "$folder/workers/$batch.$SLURM_ARRAY_TASK_ID".*; do :; done
set -f
cd "$place" 2>/dev/null || exit 0
# Only one makes it: this job, or a server that wants to be sure that this order never starts.
set -C
true 2>/dev/null >taken || exit 0
set +C

tell() {
  : >"$folder/news/${place##*/}.$1"
}

# Up to the moment where this process becomes the worker.
begin() {
  trap - HUP INT QUIT TERM PIPE
  exec >>output 2>&1 </dev/null || exit 125
  umask 022
  cd work || exit 125
  # Where the others reach this node, as Slurm does.
  node_address=${SLURMD_NODENAME:-}
  while read -r name address; do
    if [ "$name" = "$node_address" ]; then
      node_address=$address
      break
    fi
  done <"$folder/nodes"
  . ../order
}

# Sets peak: the bytes that all of the worker had at most; empty where Slurm holds it in no cgroup of its own.
measure() {
  peak=
  while IFS=: read -r _ controllers path; do
    case $path in */job_"$SLURM_JOB_ID"/*) ;; *) continue ;; esac
    case $controllers in
    memory) file=/sys/fs/cgroup/memory$path/memory.max_usage_in_bytes ;;
    '') file=/sys/fs/cgroup$path/memory.peak ;;
    *) continue ;;
    esac
    if [ -r "$file" ]; then read -r peak <"$file"; fi
  done </proc/self/cgroup
}

tell begun
code=125 signal=0
{
  (begin)
  code=$?
} 2>>shell
# Shells say to standard error what a signal ended, and only so 137 and SIGKILL can be told apart. Of SIGINT and
# SIGPIPE they say nothing: 130 and 141 are exit codes, which a shell's own script ends with far more often.
if [ "$code" -gt 128 ] && read -r _ <shell; then signal=1; fi
measure
# On a full disk it must wait: nobody else knows how the worker ended.
until { printf '%s %s %s\n' "$code" "$signal" "$peak" && times; } >ended.new && mv ended.new ended; do
  [ -e taken ] || exit "$code"
  sleep 1
done
tell ended
exit "$code"
