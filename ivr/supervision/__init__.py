"""`ivrctl serve`: owns what is embedded, and watches over everything it started."""
