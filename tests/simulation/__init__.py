"""The whole service in one process: clock, network, database and chance are made up."""
