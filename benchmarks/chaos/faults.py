"""All faults, by their names."""

from benchmarks.chaos import neighbours, network, postgres, processes
from benchmarks.chaos.fault import Fault

FAULTS: dict[str, Fault] = {
    **processes.FAULTS,
    **postgres.FAULTS,
    **network.FAULTS,
    **neighbours.FAULTS,
}
