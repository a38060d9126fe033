"""Logs that anybody can check: Merkle trees, signed notes, checkpoints, cosignatures. Pure."""
