"""Several devices and several hosts: meshes, partition rules, preemption."""
