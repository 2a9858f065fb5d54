"""Where events come from: anyone's files, the simulator, KuaiRand."""
