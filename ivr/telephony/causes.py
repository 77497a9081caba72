"""Why a call ended, in words that are the same on every switch: the causes of ITU-T Q.850, as
FreeSWITCH spells them, in lower case."""

from __future__ import annotations

CAUSES = {
    1: "unallocated_number",
    2: "no_route_transit_net",
    3: "no_route_destination",
    6: "channel_unacceptable",
    16: "normal_clearing",
    17: "user_busy",
    18: "no_user_response",
    19: "no_answer",
    20: "subscriber_absent",
    21: "call_rejected",
    22: "number_changed",
    27: "destination_out_of_order",
    28: "invalid_number_format",
    29: "facility_rejected",
    31: "normal_unspecified",
    34: "normal_circuit_congestion",
    38: "network_out_of_order",
    41: "normal_temporary_failure",
    42: "switch_congestion",
    44: "requested_chan_unavail",
    50: "facility_not_subscribed",
    58: "bearercapability_notavail",
    65: "bearercapability_notimpl",
    79: "service_not_implemented",
    88: "incompatible_destination",
    102: "recovery_on_timer_expire",
    111: "protocol_error",
    127: "interworking",
}
"""Number to word."""

_LONGEST = 40


def cause_of_number(number: str) -> str:
    """The word for a Q.850 number as text; "" for 0 and for what is no number."""
    if not (number.isascii() and number.isdigit()) or len(number) > 3 or not int(number):
        return ""
    return CAUSES.get(int(number), f"cause_{int(number)}")


def cause_of_name(name: str) -> str:
    """The word for FreeSWITCH's name of a cause; "" for what cannot be one."""
    word = name.strip().lower()
    plain = word.isascii() and word.replace("_", "").isalnum() and len(word) <= _LONGEST
    return word if plain else ""
