"""The command line, `ivrctl`."""
