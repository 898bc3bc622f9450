# A line for each thing that is checked; the exit status at the end.
checks_failed=0
check() { # NAME GOT EXPECTED
  if [ "$2" = "$3" ]; then echo "ok $1"; else echo "FAIL $1: expected '$3', got '$2'"; checks_failed=1; fi
}
finish() { exit "$checks_failed"; }
