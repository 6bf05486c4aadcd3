"""Reading the configuration again while the service runs: by SIGHUP, or by `lossboard reload`."""
