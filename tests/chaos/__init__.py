"""Faults on a real Kafka: what a worker, a broker, a disk or a topic can do to a job, and that nothing is lost by it.

A scenario (`scenarios.py`) breaks things while both topics fill; afterwards the same must hold for each (`trial.py`):
rows equal a recount of what was sent, every audit balances, no worker said `error`, memory stayed bounded, nothing is
stuck. `make chaos` runs all in long form and writes the table of docs/reliability.md; the short form is part of
`make test`. One scenario by hand: `python -m tests.chaos kill --seed 7 --seconds 60`.
"""
