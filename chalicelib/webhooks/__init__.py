"""Events out: a log of what happened in all contexts, and webhooks to subscribers.

Terms: an *event* is a fact of a context with its place in the log; a *subscription* is a receiver's
URL and the kinds of events that it wants; a *delivery* is an effect of the outbox that sends one
event to one receiver, at least once. A *replay* delivers events again.
"""
