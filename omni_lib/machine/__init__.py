"""What this computer is and can: devices, processes, memory, files, caches, and `omni doctor`."""
