"""Stand-ins for Jira, Slack, Google, GitHub and the mail server, in one process.

They keep state, refuse what the real ones would refuse, fail on demand, and show what arrived.
Nothing of the product is in them.
"""
