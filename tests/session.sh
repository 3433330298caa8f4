# Sourced by tests/run and .ci/run: commands whose every process can be found and ended again.

session=""
follower=""
# In tenths of a second.
patience=${patience:-20}

# in_session LOG COMMAND…: runs a command, shows its output and keeps it in LOG; gives its exit code.
#
# The command leads a session of its own. What it starts stays in that session, in whichever process group. It runs in the
# background because bash handles signals only between foreground commands.
in_session() {
  local log=$1 status=0
  shift
  : >"$log"
  setsid "$@" >"$log" 2>&1 </dev/null &
  session=$!
  tail --lines=+1 --follow --sleep-interval=0.2 --pid="$session" "$log" &
  follower=$!
  wait "$session" || status=$?
  wait "$follower" || true
  follower=""
  end_session
  return "$status"
}

# Ends what is left of the last command's session: asks once, and when `patience` is over does not ask any more.
end_session() {
  local members round signal=TERM
  [[ -n $session ]] || return 0
  for ((round = 0; round < patience + 50; round++)); do
    mapfile -t members < <(session_members)
    [[ ${#members[@]} -gt 0 ]] || break
    if [[ $round -eq 0 || $round -ge $patience ]]; then
      kill -"$signal" "${members[@]}" 2>/dev/null || true
      signal=KILL
    fi
    sleep 0.1
  done
  session=""
  if [[ -n $follower ]]; then
    kill "$follower" 2>/dev/null || true
    follower=""
  fi
}

# The processes of the session, and its leader also before it has become that.
session_members() {
  local stat line pid fields
  for stat in /proc/[0-9]*/stat; do
    # Not `line=$(<"$stat")`: when the process has just ended, bash would leave the function.
    { read -r line <"$stat"; } 2>/dev/null || continue
    pid=${line%% *}
    # `pid (name) state ppid pgrp session …`, where a name may hold spaces and parentheses.
    read -r -a fields <<<"${line##*) }"
    [[ ${#fields[@]} -gt 3 && ${fields[0]} != Z ]] || continue
    if [[ ${fields[3]} == "$session" || ($pid == "$session" && ${fields[1]} == "$$") ]]; then
      echo "$pid"
    fi
  done
}
