"""Chaos: the pipeline is killed again and again while node, disk and metadata fail under it.

    points.py    at which fault points a process can be killed, and what has to happen for that
    child.py     what a process does that is to be killed         nursery.py   forks such processes
    world.py     the chain, the lake, the metadata                weather.py   what goes wrong when
    storm.py     round after round, runs.py run after run         tally.py     what has happened
    soundness.py what holds in the middle of it
    verdict.py   at the end everything is as if nothing had gone wrong

`make chaos` is the long form, test_chaos.py the short one.
"""
