"""The history checker: stamped writes, readers everywhere, faults at random; a judge that knows what may be shown."""
