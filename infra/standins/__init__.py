"""Stand-ins for vendors and an identity provider, in one process.

For Jira, Slack, Google, GitHub, the mail server, and the identity provider.

They keep state, refuse what the real ones would refuse, fail on demand, and show what arrived.
Nothing of the product is in them.
"""
