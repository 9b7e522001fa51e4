"""BlankLogo takes a burned-in mark out of a video and leaves everything else as it was."""
