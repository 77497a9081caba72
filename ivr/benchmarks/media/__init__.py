"""What a call costs: CPU, memory and pace of a worker under many calls, beside a bare echo."""
