"""Processes on this machine: started, watched, ended with whoever started them."""
