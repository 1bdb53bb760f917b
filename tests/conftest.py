"""What every test may rely on."""

import signal

# A shell without job control starts background commands with SIGINT ignored, and what is ignored is inherited: the
# programs that tests interrupt would never hear of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
