"""FreeSWITCH: calls over the outbound Event Socket, their sound over unicast UDP."""
