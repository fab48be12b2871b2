"""`python -m vostool` and `torchrun -m vostool`."""

from vostool.cli.main import main

main()
