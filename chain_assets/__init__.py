"""A lake of EVM blocks that heals itself, run by Dagster."""
