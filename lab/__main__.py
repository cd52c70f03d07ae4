"""`python -m lab`: one command, of `lab.commands`."""

import gc

# It ends soon, and most of what it makes are modules, which stay: to look for garbage among them takes a tenth of it.
gc.disable()

from lab.commands import main  # noqa: E402

main()
