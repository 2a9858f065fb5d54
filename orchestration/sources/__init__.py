"""Sources of events: landed files, mapped files, the simulator, KuaiRand."""
